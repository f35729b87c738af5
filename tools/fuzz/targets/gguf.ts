import { readFileSync } from 'node:fs';
import { named } from '../../../src/ir/errors.ts';
import { readGguf } from '../../../src/hub/gguf.ts';
import { ggufDecoderConfig, ggufDecoderTensors } from '../../../src/hub/gguf-decoder.ts';
import { ggufTokenizer } from '../../../src/hub/gguf-tokenizer.ts';
import { loadTokenizer } from '../../../src/hub/tokenizer.ts';
import { languageModel } from '../../../src/nn/models/index.ts';
import { type FileSpec, ggufBytes, type TensorSpec, type Value } from '../../../test/hub/gguf-bytes.ts';
import { mutateBytes, rawBytes } from '../bytes.ts';
import { type Draw, pick } from '../draws.ts';
import { fileCase, type FuzzTarget } from '../target.ts';
import { readAll } from './safetensors.ts';

const name = 'fuzzed.gguf';

const llama: Required<Pick<FileSpec, 'metadata' | 'tensors' | 'dataBytes'>> = {
  metadata: [
    ['general.architecture', 'llama'],
    ['llama.block_count', { u32: 1 }],
    ['llama.context_length', { u32: 128 }],
    ['llama.embedding_length', { u32: 32 }],
    ['llama.feed_forward_length', { u32: 64 }],
    ['llama.attention.head_count', { u32: 4 }],
    ['llama.attention.head_count_kv', { u32: 2 }],
    ['llama.attention.layer_norm_rms_epsilon', { f32: 1e-6 }],
    ['llama.rope.freq_base', { f32: 1e4 }],
    ['llama.rope.dimension_count', { u32: 8 }],
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', 'smollm'],
    ['tokenizer.ggml.tokens', ['<s>', 'a', 'b', 'ab']],
    ['tokenizer.ggml.token_type', Int32Array.of(3, 1, 1, 1)],
    ['tokenizer.ggml.merges', ['a b']],
    ['tokenizer.ggml.bos_token_id', { u32: 0 }],
    ['tokenizer.ggml.add_bos_token', { bool: true }],
    ['tokenizer.chat_template', '{{ messages }}'],
  ],
  tensors: [
    { name: 'token_embd.weight', shape: [4, 32], type: 8, offset: 0 },
    { name: 'blk.0.attn_q.weight', shape: [32, 32], type: 3, offset: 160 },
    { name: 'blk.0.attn_norm.weight', shape: [32], offset: 800 },
  ],
  dataBytes: 928,
};

const values: readonly Value[] = [
  { u32: 0 },
  { u32: 1 },
  { u32: 3 },
  { u32: 0xffffffff },
  { u64: 1n << 63n },
  { f32: Number.NaN },
  { f32: -1 },
  { f32: Infinity },
  { bool: true },
  '',
  'llama',
  'qwen3',
  'yarn',
  'linear',
  '../x',
  [],
  ['a', 'a'],
  ['', 'b'],
  new Int32Array(0),
  Int32Array.of(-1, 9, 3, 4),
];

const strings = [
  '',
  'token_embd.weight',
  'blk.0.attn_k.weight',
  'blk.9.attn_q.bias',
  'output.weight',
  'rope_freqs.weight',
  '__proto__',
  'x',
];
const sizes = [0, 1, 3, 31, 32, 33, 256, 4096, 2 ** 31, 2 ** 53 - 1];

/** A file of right form that says something else. */
function spec(draw: Draw): FileSpec {
  const metadata = [...llama.metadata];
  const tensors = [...llama.tensors];
  for (let count = draw(2) === 0 ? 1 : 1 + draw(4); count > 0; count--) {
    const at = draw(metadata.length);
    const [key] = metadata[at] ?? ['x'];
    const which = draw(tensors.length);
    const tensor = tensors[which] as TensorSpec;
    const changed: Partial<TensorSpec> = pick(draw, [
      { name: pick(draw, strings) },
      { shape: tensor.shape.map((size) => (draw(2) === 0 ? size : pick(draw, sizes))) },
      { shape: Array.from({ length: draw(6) }, () => pick(draw, sizes)) },
      { type: draw(45) },
      { offset: pick(draw, [0, 32, 160, 800, 928, 31, 2 ** 40, 2 ** 53 - 1]) },
    ]);
    const kind = draw(6);
    if (kind === 0) metadata.splice(at, 1);
    else if (kind === 1)
      metadata.push([
        pick(draw, ['general.alignment', 'llama.rope.scaling.type', 'llama.vocab_size', 'split.count', 'llama.x', key]),
        pick(draw, values),
      ]);
    else if (kind < 4) metadata[at] = [key, pick(draw, values)];
    else if (kind === 4 && draw(4) === 0) tensors.splice(which, 1);
    else tensors[which] = { ...tensor, ...changed };
    if (metadata.length === 0 || tensors.length === 0) break;
  }
  return {
    ...llama,
    metadata,
    tensors,
    ...(draw(12) === 0 ? { version: draw(5) } : {}),
    ...(draw(12) === 0 ? { keyCount: draw(60) } : {}),
  };
}

const small = ggufBytes(llama);
const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
const pieces = ['<s>', ...bytes, 'a', 'b', 'ab', '▁'];
const sentencePieces: Readonly<Record<string, Value>> = {
  'tokenizer.ggml.model': 'llama',
  'tokenizer.ggml.tokens': pieces,
  'tokenizer.ggml.scores': Float32Array.from(pieces, (_, id) => -id),
  'tokenizer.ggml.token_type': Int32Array.from(pieces, (_, id) => (id === 0 ? 3 : id < 257 ? 6 : 1)),
  'tokenizer.ggml.add_space_prefix': { bool: true },
};
const byteFallback = ggufBytes({
  ...llama,
  metadata: [...llama.metadata.filter(([key]) => !(key in sentencePieces)), ...Object.entries(sentencePieces)],
});
const real = ['qwen2', 'qwen3', 'gemma3-old', 'gpt2'].map((each) =>
  Uint8Array.from(readFileSync(new URL(`../../../test/fixtures/gguf/${each}.gguf`, import.meta.url))),
);

function inputOf(draw: Draw): Uint8Array<ArrayBuffer> {
  const kind = draw(20);
  if (kind === 0) return rawBytes(draw);
  if (kind < 9) return mutateBytes(small, draw, 0, small.length - llama.dataBytes);
  if (kind < 10) return mutateBytes(pick(draw, real), draw, 0, 6000);
  if (kind < 12) return mutateBytes(byteFallback, draw, 0, byteFallback.length - llama.dataBytes);
  const bytes = ggufBytes(spec(draw));
  return draw(6) === 0 ? mutateBytes(bytes, draw) : bytes;
}

export const ggufTarget: FuzzTarget = {
  name: 'gguf',
  weight: 150,
  says: name,
  caseOf: (draw) =>
    fileCase(name, inputOf(draw), async (file) => {
      const gguf = await readGguf(file);
      const tokenizer = ggufTokenizer(gguf);
      if (tokenizer) named(name, () => loadTokenizer(tokenizer)).encode('ab <s> a');
      const config = await ggufDecoderConfig(gguf);
      await readAll(ggufDecoderTensors(gguf).values());
      named(name, () => languageModel(config));
    }),
};
