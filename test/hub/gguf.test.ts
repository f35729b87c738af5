import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { memoryFile } from '../../src/hub/byte-file.ts';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { openFile } from '../../src/hub/files.ts';
import { readGguf } from '../../src/hub/gguf.ts';
import type { Gguf } from '../../src/hub/gguf.ts';
import { ggufDecoderConfig } from '../../src/hub/gguf-decoder.ts';
import { llama3RopeOf } from '../../src/hub/gguf-rope.ts';
import { ggufTokenizer } from '../../src/hub/gguf-tokenizer.ts';
import { readSafetensors } from '../../src/hub/safetensors.ts';
import { elementCountOf } from '../../src/runtime/tensor-source.ts';
import { concat, ggufBytes, text } from './gguf-bytes.ts';
import type { FileSpec, Value } from './gguf-bytes.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/gguf/${name}`, import.meta.url));

const read = (spec: FileSpec): Promise<Gguf> => readGguf(memoryFile('x.gguf', ggufBytes(spec)));

test('a llama GGUF of mixed types gives the tensors that transformers reads from it', async () => {
  const checkpoint = await openCheckpoint(fixture('tiny.gguf'));
  const file = await openFile(fixture('expected.safetensors'));
  const expected = (await readSafetensors(file)).tensors;
  assert.deepEqual([...checkpoint.tensors.keys()].sort(), [...expected.keys()].sort());
  const storages = new Set<string>();
  for (const [name, source] of checkpoint.tensors) {
    const other = expected.get(name);
    assert.ok(other);
    assert.deepEqual(source.shape, other.shape);
    storages.add(source.storage);
    const found = new Float32Array(elementCountOf(source.shape));
    const wanted = new Float32Array(found.length);
    await source.readF32(found);
    await other.readF32(wanted);
    assert.deepEqual(found, wanted, name);
  }
  assert.deepEqual([...storages].sort(), ['bf16', 'f16', 'f32', 'q4_0', 'q4_1', 'q8_0']);
  assert.deepEqual(checkpoint.config['rope_parameters'], { rope_theta: 10000, rope_type: 'default' });
  assert.equal(checkpoint.config['tie_word_embeddings'], true);
  assert.equal(checkpoint.config['rms_norm_eps'], 1e-5);
  assert.equal(checkpoint.tokenizer, undefined);
  await Promise.all([checkpoint.close(), file.close()]);
});

const llama: [string, Value][] = [
  ['general.architecture', 'llama'],
  ['llama.block_count', { u32: 1 }],
  ['llama.context_length', { u32: 128 }],
  ['llama.embedding_length', { u32: 64 }],
  ['llama.feed_forward_length', { u32: 64 }],
  ['llama.attention.head_count', { u32: 1 }],
  ['llama.attention.layer_norm_rms_epsilon', { f32: 1e-6 }],
];
const embedding = { name: 'token_embd.weight', shape: [4, 64], offset: 0 };
const configOf = async (more: [string, Value][]): Promise<Record<string, unknown>> =>
  ggufDecoderConfig(await read({ metadata: [...llama, ...more], tensors: [embedding], dataBytes: 1024 }));

test('metadata becomes a config: defaults, linear and yarn scaling, exact decimals', async () => {
  const plain = await configOf([]);
  assert.equal(plain['head_dim'], 64);
  assert.equal(plain['num_key_value_heads'], 1);
  assert.equal(plain['vocab_size'], 4);
  assert.equal(plain['rms_norm_eps'], 1e-6);
  assert.equal(plain['eos_token_id'], null);
  const factor: [string, Value] = ['llama.rope.scaling.factor', { f32: 2.5 }];
  const linear = await configOf([['llama.rope.scaling.type', 'linear'], factor]);
  assert.deepEqual(linear['rope_parameters'], { factor: 2.5, rope_theta: 10000, rope_type: 'linear' });
  const yarn = await configOf([
    ['llama.rope.scaling.type', 'yarn'],
    factor,
    ['llama.rope.scaling.original_context_length', { u32: 64 }],
    ['llama.rope.freq_base', { f32: 5e5 }],
  ]);
  assert.deepEqual(yarn['rope_parameters'], {
    factor: 2.5,
    original_max_position_embeddings: 64,
    rope_theta: 5e5,
    rope_type: 'yarn',
  });
});

test('llama3 rope factors are recognised and others refused', () => {
  // Llama 3.2's own: head size 64, theta 5e5, factor 32.
  const factors = Float32Array.from({ length: 32 }, (_, i) => {
    const wavelength = 2 * Math.PI * 5e5 ** (i / 32);
    if (wavelength < 2048) return 1;
    if (wavelength > 8192) return 32;
    const smooth = (8192 / wavelength - 1) / 3;
    return 1 / ((1 - smooth) / 32 + smooth);
  });
  assert.ok(factors.some((each) => each > 1 && each < 32));
  assert.deepEqual(llama3RopeOf('x', factors, 5e5, 64), {
    factor: 32,
    high_freq_factor: 4,
    low_freq_factor: 1,
    original_max_position_embeddings: 8192,
    rope_type: 'llama3',
  });
  factors[3] = 2;
  assert.throws(() => llama3RopeOf('x', factors, 5e5, 64), /rope_freqs\.weight/);
});

test('what llama there has and a Hugging Face llama has not is refused by name', async () => {
  await assert.rejects(configOf([['llama.expert_count', { u32: 8 }]]), /x\.gguf: llama\.expert_count/);
  await assert.rejects(configOf([['llama.rope.scaling.type', 'longrope']]), /scaling\.type.*longrope/);
  await assert.rejects(configOf([['llama.rope.dimension_count', { u32: 32 }]]), /dimension_count/);
  await assert.rejects(configOf([['split.count', { u32: 2 }]]), /split\.count/);
  await assert.rejects(
    configOf([['llama.attention.head_count_kv', Int32Array.of(1, 2)]]),
    /head_count_kv.*one integer/,
  );
});

const tokenizerKeys = (more: [string, Value][]): FileSpec => ({
  metadata: [
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.tokens', ['<s>', 'a', 'b', 'ab', '</s>', '<tool>']],
    ['tokenizer.ggml.token_type', Int32Array.of(3, 1, 1, 1, 3, 4)],
    ['tokenizer.ggml.merges', ['a b']],
    ['tokenizer.ggml.bos_token_id', { u32: 0 }],
    ['tokenizer.ggml.eos_token_id', { u32: 4 }],
    ...more,
  ],
});

test('a llama-bpe tokenizer puts the beginning token first and ignores merges for whole words', async () => {
  const tokenizer = ggufTokenizer(
    await read(
      tokenizerKeys([
        ['tokenizer.ggml.pre', 'llama-bpe'],
        ['tokenizer.chat_template.tool_use', 'T'],
      ]),
    ),
  );
  assert.ok(tokenizer);
  const json = tokenizer.tokenizerJson as {
    model: { ignore_merges: boolean; merges: unknown };
    added_tokens: { special: boolean }[];
    post_processor: unknown;
  };
  assert.equal(json.model.ignore_merges, true);
  assert.deepEqual(json.model.merges, [['a', 'b']]);
  assert.deepEqual(
    json.added_tokens.map((token) => token.special),
    [true, true, false],
  );
  assert.deepEqual(json.post_processor, {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [
      { SpecialToken: { id: '<s>', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '<s>', type_id: 1 } },
      { Sequence: { id: 'B', type_id: 1 } },
    ],
    special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
  });
  assert.deepEqual(tokenizer.namedTemplates, { tool_use: 'T' });
  assert.equal(tokenizer.chatTemplate, undefined);
});

test('tokenizers that are not read, and broken ones, are refused by name', async () => {
  const tokenizer = async (more: [string, Value][]): Promise<unknown> => ggufTokenizer(await read(tokenizerKeys(more)));
  await assert.rejects(
    tokenizer([['tokenizer.ggml.pre', 'deepseek-llm']]),
    /tokenizer\.ggml\.pre: expected .*llama-bpe.* found "deepseek-llm"/,
  );
  await assert.rejects(tokenizer([['tokenizer.ggml.pre', 'constructor']]), /found "constructor"/);
  await assert.rejects(
    tokenizer([['tokenizer.ggml.padding_token_id', { u32: 6 }]]),
    /padding_token_id: expected an id below 6/,
  );
  const model = read({ metadata: [['tokenizer.ggml.model', 't5']] });
  await assert.rejects(
    model.then(ggufTokenizer),
    /tokenizer\.ggml\.model: expected gpt2 .* or llama .* but found "t5"/,
  );
});

test('a lying header is refused before anything is allocated', async () => {
  const tensor = { name: 't', shape: [32], offset: 0 };
  const cases: [FileSpec, RegExp][] = [
    [{ version: 1 }, /x\.gguf: expected GGUF version 2 or 3.*found 1/],
    [{ version: 0x03000000 }, /big-endian/],
    [{ tensorCount: 2n ** 40n }, /expected at most \d+ tensors/],
    [{ tensorCount: 2n ** 60n }, /expected a size/],
    [{ keyCount: 2n ** 40n }, /expected at most \d+ metadata keys/],
    [{ keyCount: 1 }, /metadata keys|the file ends/],
    [
      {
        metadata: [
          ['a', 'x'],
          ['a', 'y'],
        ],
      },
      /found a twice/,
    ],
    [{ tensors: [tensor], dataBytes: 64 }, /tensor t: expected it to end by/],
    [{ tensors: [tensor, tensor], dataBytes: 256 }, /found t twice/],
    [{ tensors: [tensor, { ...tensor, name: 'u', offset: 64 }], dataBytes: 256 }, /tensor u: it overlaps/],
    [{ tensors: [{ ...tensor, offset: 4 }], dataBytes: 256 }, /multiple of 32 but found 4/],
    [{ tensors: [{ ...tensor, type: 10 }], dataBytes: 256 }, /tensor t: expected a type of F32, .* but found Q2_K/],
    [{ tensors: [{ ...tensor, type: 99 }], dataBytes: 256 }, /found number 99/],
    [{ tensors: [{ ...tensor, shape: [2 ** 40, 2 ** 40] }], dataBytes: 256 }, /tensor t: .*too many elements/],
    [{ tensors: [{ ...tensor, shape: [4, 16], type: 8 }], dataBytes: 256 }, /tensor t: .*multiple of 32 elements/],
    [{ tensors: [{ ...tensor, shape: [1, 1, 1, 1, 32] }], dataBytes: 256 }, /at most 4 axes/],
    [{ metadata: [['general.alignment', { u32: 0 }]] }, /general\.alignment/],
  ];
  for (const [spec, message] of cases) await assert.rejects(read(spec), message);
  const bytes = ggufBytes({ metadata: [['key', 'value']] });
  await assert.rejects(readGguf(memoryFile('x.gguf', bytes.subarray(0, 40))), /x\.gguf: .*found a count|the file ends/);
  await assert.rejects(readGguf(memoryFile('x.gguf', new Uint8Array(4))), /x\.gguf: .*not|x\.gguf: expected/);
  await assert.rejects(readGguf(memoryFile('x.gguf', new TextEncoder().encode('not a model'))), /expected a GGUF file/);
});

test('values of all kinds arrive, 64-bit ones whole', async () => {
  const { metadata } = await read({
    metadata: [
      ['big', { u64: 2n ** 60n + 1n }],
      ['small', { u64: 7n }],
      ['flag', { bool: true }],
      ['ints', Int32Array.of(-1, 2)],
      ['texts', ['a', 'é']],
    ],
  });
  assert.deepEqual([...metadata.values()], [2n ** 60n + 1n, 7, true, Int32Array.of(-1, 2), ['a', 'é']]);
});

test('a header longer than the first read is read on', async () => {
  const long = 'x'.repeat(9_000_000);
  const { metadata } = await read({
    metadata: [
      ['long', long],
      ['last', { u32: 5 }],
    ],
  });
  assert.equal(metadata.get('last'), 5);
});

test('arrays of arrays are read a few levels deep only', async () => {
  const nested = (depth: number): Uint8Array => {
    const level = Uint8Array.of(9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
    const leaf = Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 42);
    const header = ggufBytes({ keyCount: 1 }).subarray(0, 24);
    return concat([
      header,
      text('deep'),
      Uint8Array.of(9, 0, 0, 0),
      ...Array.from({ length: depth }, () => level),
      leaf,
      new Uint8Array(64),
    ]);
  };
  const { metadata } = await readGguf(memoryFile('x.gguf', nested(2)));
  assert.deepEqual(metadata.get('deep'), [[Uint8Array.of(42)]]);
  await assert.rejects(readGguf(memoryFile('x.gguf', nested(5000))), /deep: expected arrays at most 4 deep/);
});

test('the shared model: tokenizer, template and config are those of its folder', async (context) => {
  const shared = process.env['TUNELOOP_SHARED'] ?? fileURLToPath(new URL('../../../shared', import.meta.url));
  const folder = `${shared}/models/smollm2-135m-instruct`;
  const json = async (name: string): Promise<unknown> => JSON.parse(await readFile(`${folder}/${name}`, 'utf8'));
  let config: Record<string, unknown>;
  try {
    config = (await json('config.json')) as Record<string, unknown>;
  } catch {
    context.skip('the shared model is not here');
    return;
  }
  const checkpoint = await openCheckpoint(`${folder}/SmolLM2-135M-Instruct.Q4_1.gguf`);
  assert.ok(checkpoint.tokenizer);
  assert.equal(JSON.stringify(checkpoint.tokenizer.tokenizerJson), JSON.stringify(await json('tokenizer.json')));
  assert.deepEqual(checkpoint.tokenizer.tokenizerConfig, await json('tokenizer_config.json'));
  assert.equal(checkpoint.tokenizer.chatTemplate, await readFile(`${folder}/chat_template.jinja`, 'utf8'));
  const silent = ['_model_name_or_path', 'initializer_range', 'pretraining_tp', 'transformers_version', 'use_cache'];
  for (const key of silent) delete config[key];
  assert.deepEqual(checkpoint.config, config);
  const started = performance.now();
  const first = await checkpoint.fingerprint();
  assert.match(first, /^[0-9a-f]{64}$/);
  context.diagnostic(`fingerprint of 98 MB: ${Math.round(performance.now() - started)} ms`);
  await checkpoint.close();
});
