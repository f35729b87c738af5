import { bytesOf } from '../runtime/storage.ts';
import { tensorSource } from '../runtime/tensor-source.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';
import { fileSource, readChunks } from './byte-file.ts';
import type { ByteFile } from './byte-file.ts';
import type { Gguf, GgufTensor } from './gguf.ts';
import { ggufFields } from './gguf-metadata.ts';
import type { GgufFields } from './gguf-metadata.ts';
import { llama3RopeOf } from './gguf-rope.ts';

/** Keys that change nothing that a model computes. */
const silentKeys = ['llama.context_length', 'llama.vocab_size', 'llama.tensor_data_layout'];

const readKeys = [
  'llama.block_count',
  'llama.embedding_length',
  'llama.feed_forward_length',
  'llama.attention.head_count',
  'llama.attention.head_count_kv',
  'llama.attention.key_length',
  'llama.attention.value_length',
  'llama.attention.layer_norm_rms_epsilon',
  'llama.rope.dimension_count',
  'llama.rope.freq_base',
  'llama.rope.scaling.type',
  'llama.rope.scaling.factor',
  'llama.rope.scaling.original_context_length',
  'llama.rope.scaling.finetuned',
];

const modules: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

const outer: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};

/** The Hugging Face name of a llama tensor; undefined where there is none. */
export function llamaTensorName(name: string): string | undefined {
  const [, layer, part, kind] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const module = part === undefined ? undefined : modules[part];
  return module === undefined ? outer[name] : `model.layers.${layer}.${module}.${kind}`;
}

const parts = new Map(Object.entries(modules).map(([part, module]) => [module, part]));
const outerParts = new Map(Object.entries(outer).map(([part, name]) => [name, part]));

/** The GGUF name of a Hugging Face llama tensor; undefined where there is none. */
export function ggufLlamaName(name: string): string | undefined {
  const [, layer, module = '', kind] = /^model\.layers\.(\d+)\.([\w.]+)\.(weight|bias)$/.exec(name) ?? [];
  const part = parts.get(module);
  return part === undefined ? outerParts.get(name) : `blk.${layer}.${part}.${kind}`;
}

/** Undoes GGUF's row order of llama's q and k: within a head of d rows, row 2j + p there is row p·d/2 + j here. Works on whole rows, so on blocks too. */
export function unpermutedSource(file: ByteFile, tensor: GgufTensor, name: string, heads: number): TensorSource {
  const { shape, storage, position, byteLength } = tensor;
  const rows = shape[0] ?? 1;
  const rowBytes = bytesOf(
    storage,
    shape.slice(1).reduce((product, size) => product * size, 1),
  );
  const half = rows / heads / 2;
  if (!Number.isInteger(half)) {
    throw new RangeError(
      `${file.name}: tensor ${tensor.name}: expected ${heads} heads of even size but found ${rows} rows`,
    );
  }
  return tensorSource(name, shape, storage, async function* () {
    const ordered = new Uint8Array(Math.min(byteLength, 2 * half * rowBytes));
    for await (const head of readChunks(file, position, byteLength, 2 * half * rowBytes)) {
      for (let j = 0; j < half; j++) {
        const pair = 2 * j * rowBytes;
        ordered.set(head.subarray(pair, pair + rowBytes), j * rowBytes);
        ordered.set(head.subarray(pair + rowBytes, pair + 2 * rowBytes), (half + j) * rowBytes);
      }
      yield ordered;
    }
  });
}

function ropeOf(fields: GgufFields, headDim: number, factors: Float32Array | undefined): Record<string, unknown> {
  const theta = fields.number('llama.rope.freq_base') ?? 10000;
  const dimensions = fields.integer('llama.rope.dimension_count') ?? headDim;
  if (dimensions !== headDim) {
    throw new TypeError(
      `${fields.file}: llama.rope.dimension_count: expected the head size ${headDim} but found ${dimensions}`,
    );
  }
  const type = fields.string('llama.rope.scaling.type') ?? 'none';
  if (factors !== undefined) {
    if (type !== 'none') {
      throw new TypeError(`${fields.file}: expected rope_freqs or rope scaling but found both (${type})`);
    }
    return { ...llama3RopeOf(fields.file, factors, theta, headDim), rope_theta: theta };
  }
  switch (type) {
    case 'none':
      return { rope_theta: theta, rope_type: 'default' };
    case 'linear':
      return { factor: fields.requiredNumber('llama.rope.scaling.factor'), rope_theta: theta, rope_type: 'linear' };
    case 'yarn':
      return {
        factor: fields.requiredNumber('llama.rope.scaling.factor'),
        original_max_position_embeddings: fields.requiredInteger('llama.rope.scaling.original_context_length'),
        rope_theta: theta,
        rope_type: 'yarn',
      };
    default:
      throw new TypeError(
        `${fields.file}: llama.rope.scaling.type: expected none, linear or yarn but found ${JSON.stringify(type)}`,
      );
  }
}

const ropeFactorsName = 'rope_freqs.weight';

interface LlamaHeads {
  readonly query: number;
  readonly keyValue: number;
  readonly size: number;
}

function headsOf(fields: GgufFields): LlamaHeads {
  const query = fields.requiredInteger('llama.attention.head_count');
  const keyValue = fields.integer('llama.attention.head_count_kv') ?? query;
  const size = fields.integer('llama.attention.key_length') ?? fields.requiredInteger('llama.embedding_length') / query;
  const valueSize = fields.integer('llama.attention.value_length') ?? size;
  if (query < 1 || keyValue < 1 || !Number.isInteger(size) || size < 1) {
    throw new RangeError(`${fields.file}: expected heads that divide the width but found ${query} and ${keyValue}`);
  }
  if (valueSize !== size) {
    throw new TypeError(
      `${fields.file}: llama.attention.value_length: expected the key length ${size} but found ${valueSize}`,
    );
  }
  return { query, keyValue, size };
}

function checkKeys(fields: GgufFields, keys: Iterable<string>): void {
  const known = new Set([...silentKeys, ...readKeys]);
  for (const key of keys) {
    if (key.startsWith('llama.') && !known.has(key)) {
      throw new TypeError(`${fields.file}: ${key}: this llama option is not supported`);
    }
  }
  if ((fields.integer('split.count') ?? 1) > 1) {
    throw new TypeError(`${fields.file}: split.count: expected a GGUF of one file but found a part of several`);
  }
}

/** The tensors of a llama GGUF under their Hugging Face names, q and k in Hugging Face's row order. */
export function ggufLlamaTensors(gguf: Gguf): Map<string, TensorSource> {
  const fields = ggufFields(gguf);
  const heads = headsOf(fields);
  const sources = new Map<string, TensorSource>();
  for (const tensor of gguf.tensors.values()) {
    if (tensor.name === ropeFactorsName) continue;
    const name = llamaTensorName(tensor.name);
    if (name === undefined) throw new TypeError(`${fields.file}: tensor ${tensor.name}: not a part of a llama model`);
    const permuted = /\.attn_([qk])\./.exec(tensor.name)?.[1];
    const source =
      permuted === undefined
        ? fileSource(gguf.file, tensor.position, name, tensor.shape, tensor.storage)
        : unpermutedSource(gguf.file, tensor, name, permuted === 'q' ? heads.query : heads.keyValue);
    sources.set(name, source);
  }
  return sources;
}

/** A Hugging Face config.json for a llama GGUF, from its metadata. TypeError, naming the key, for what llama there has and Hugging Face's has not. */
export async function ggufLlamaConfig(gguf: Gguf): Promise<Record<string, unknown>> {
  const fields = ggufFields(gguf);
  checkKeys(fields, gguf.metadata.keys());
  const heads = headsOf(fields);
  const embedding = gguf.tensors.get('token_embd.weight');
  if (embedding === undefined) throw new RangeError(`${fields.file}: expected tensor token_embd.weight but found none`);
  const factors = gguf.tensors.get(ropeFactorsName);
  let factorValues: Float32Array | undefined;
  if (factors !== undefined) {
    const { name, shape, storage, position } = factors;
    const source = fileSource(gguf.file, position, name, shape, storage);
    factorValues = new Float32Array(shape.reduce((product, size) => product * size, 1));
    await source.readF32(factorValues);
  }
  const config: Record<string, unknown> = {
    architectures: ['LlamaForCausalLM'],
    attention_bias: gguf.tensors.has('blk.0.attn_q.bias'),
    attention_dropout: 0,
    bos_token_id: fields.integer('tokenizer.ggml.bos_token_id') ?? null,
    dtype: 'float32',
    eos_token_id: fields.integer('tokenizer.ggml.eos_token_id') ?? null,
    head_dim: heads.size,
    hidden_act: 'silu',
    hidden_size: fields.requiredInteger('llama.embedding_length'),
    intermediate_size: fields.requiredInteger('llama.feed_forward_length'),
    max_position_embeddings: fields.requiredInteger('llama.context_length'),
    mlp_bias: gguf.tensors.has('blk.0.ffn_gate.bias'),
    model_type: 'llama',
    num_attention_heads: heads.query,
    num_hidden_layers: fields.requiredInteger('llama.block_count'),
    num_key_value_heads: heads.keyValue,
    pad_token_id: fields.integer('tokenizer.ggml.padding_token_id') ?? null,
    rms_norm_eps: fields.requiredNumber('llama.attention.layer_norm_rms_epsilon'),
    rope_parameters: ropeOf(fields, heads.size, factorValues),
    tie_word_embeddings: !gguf.tensors.has('output.weight'),
    vocab_size: embedding.shape[0],
  };
  return config;
}
