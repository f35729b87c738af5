import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Checkpoint, openCheckpoint } from '../../src/hub/checkpoint.ts';
import { exportGguf, type GgufDtype } from '../../src/surgery/exportGguf.ts';
import { openModel } from '../../src/loop/model.ts';
import { score } from '../../src/loop/score.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { openLlama, withoutLlama } from '../loop/llama-cpp.ts';
import { collect, examplesOf, relativeError } from '../parity.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-gguf-'));
const engine = ortEngine({ threads: 1 });
after(() => {
  engine.close();
  rmSync(folder, { recursive: true });
});
const modelPath = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name.includes('/') ? name : `models/${name}`}`, import.meta.url));

/** A byte-level tokenizer of no more tokens than the tiny models have. */
const letters = Array.from({ length: 48 }, (_, i) => String.fromCharCode(33 + i));
const tinyTokenizer: NonNullable<Checkpoint['tokenizer']> = {
  tokenizerJson: {
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', vocab: Object.fromEntries(letters.map((letter, id) => [letter, id])), merges: [] },
  },
  tokenizerConfig: {},
  namedTemplates: {},
};

type Rows = readonly (readonly (number | null)[])[];

interface Expected {
  readonly ids: number[][];
  readonly lengths: number[];
  readonly logprobs: Rows | { readonly float64: Rows };
  readonly generation: { readonly prompts: number[][]; readonly ids: number[][]; readonly margin: number };
}

const expectedOf = (name: string): Expected =>
  JSON.parse(readFileSync(join(modelPath(name), 'expected.json'), 'utf8')) as Expected;

async function write(name: string, dtype: GgufDtype, changes: Record<string, unknown> = {}): Promise<string> {
  const checkpoint = await openCheckpoint(modelPath(name));
  const out = join(folder, `${name.replace('/', '-')}.${dtype}.gguf`);
  const config = { ...checkpoint.config, ...changes };
  try {
    await exportGguf({ ...checkpoint, config, tokenizer: tinyTokenizer }, out, { dtype });
  } finally {
    await checkpoint.close();
  }
  return out;
}

const logprob = (logits: Float64Array, id: number): number => {
  const most = logits.reduce((a, b) => Math.max(a, b));
  return (logits[id] ?? Number.NaN) - most - Math.log(logits.reduce((sum, z) => sum + Math.exp(z - most), 0));
};

// llama.cpp derives yarn's other settings itself, and reads rope_freqs whatever scaling they come from.
const written = [
  'default',
  'bias',
  'tied',
  'bf16',
  'f16',
  'sharded',
  'wide-heads',
  'linear',
  'llama3',
  'old-llama3',
  'yarn',
  'architectures/mistral-no-window',
  'architectures/qwen2',
  'architectures/qwen3',
  'architectures/gemma3',
  'architectures/gemma3-old',
  'architectures/gpt2',
];

// Within its window, which is the context that the file names, a Mistral is a Llama.
for (const [name, places] of [
  ...written.map((each) => [each, [1, 5, 12, 19]] as const),
  ['architectures/mistral', [1, 3, 5]] as const,
]) {
  test(`${name}: llama.cpp computes what transformers does`, { skip: withoutLlama }, async () => {
    const expected = expectedOf(name);
    const rows = 'float64' in expected.logprobs ? expected.logprobs.float64 : expected.logprobs;
    const llama = await openLlama(await write(name, 'f32'), name.includes('/') ? 48 : 64);
    try {
      const ids = expected.ids[0] ?? [];
      for (const t of places) {
        const wanted = rows[0]?.[t] ?? Number.NaN;
        const found = logprob(await llama.logits(ids.slice(0, t)), ids[t] ?? 0);
        // llama.cpp keeps keys and values in f16 unless told otherwise.
        assert.ok(Math.abs(found - wanted) < 0.02, `token ${t}: ${found} instead of ${wanted}`);
      }
    } finally {
      await llama.close();
    }
  });
}

for (const name of ['mistral-no-window', 'qwen2', 'qwen3', 'gemma3', 'gemma3-old', 'gpt2'].map(
  (each) => `architectures/${each}`,
)) {
  test(`${name}: llama.cpp generates what transformers does`, { skip: withoutLlama }, async () => {
    const { prompts, ids, margin } = expectedOf(name).generation;
    const llama = await openLlama(await write(name, 'f32'), 48);
    try {
      for (const [row, prompt] of prompts.entries()) {
        // It ends at the stop token, which the fixture goes past.
        const all = ids[row] ?? [];
        const wanted = all.includes(2) ? all.slice(0, all.indexOf(2)) : all;
        const found = await llama.greedy(prompt, all.length);
        // Where two tokens are nearer than what keys and values in f16 cost, either may come.
        if (margin > 0.02) assert.deepEqual(found, wanted);
        else assert.equal(found[0], wanted[0]);
      }
    } finally {
      await llama.close();
    }
  });

  test(`${name}: a GGUF of it gives the logprobs that the checkpoint gives`, async () => {
    const expected = expectedOf(name);
    const loaded = await openModel({ model: await write(name, 'f32'), engine });
    try {
      const rows = 'float64' in expected.logprobs ? expected.logprobs.float64 : expected.logprobs;
      for (const [row, line] of (await collect(score(loaded, examplesOf(expected), { batchSize: 2 }))).entries())
        assert.ok(relativeError(line.logprobs.slice(1).map(Number), (rows[row] ?? []).slice(1).map(Number)) < 1e-5);
    } finally {
      await loaded.close();
    }
  });
}

for (const dtype of ['f16', 'q8_0', 'q4_0'] as const) {
  test(`a ${dtype} file holds the weights rounded to ${dtype}, and reads back under their names`, async () => {
    const before = await openCheckpoint(modelPath('default'));
    const after = await openCheckpoint(await write('default', dtype));
    try {
      assert.deepEqual([...after.tensors.keys()].toSorted(), [...before.tensors.keys()].toSorted());
      const half = { f16: 2 ** -11, q8_0: 0.57 / 127, q4_0: 1.01 / 8 }[dtype];
      for (const [name, source] of before.tensors) {
        const count = source.shape.reduce((a, b) => a * b, 1);
        const [x, y] = [new Float32Array(count), new Float32Array(count)];
        await source.readF32(x);
        const written = after.tensors.get(name) ?? assert.fail(name);
        await written.readF32(y);
        assert.deepEqual(written.shape, source.shape);
        const most = x.reduce((largest, each) => Math.max(largest, Math.abs(each)), 0);
        const bound = source.shape.length < 2 ? 0 : half * most;
        assert.ok(
          x.every((each, i) => Math.abs(each - (y[i] ?? Number.NaN)) <= bound),
          name,
        );
      }
      assert.equal(after.tensors.get('model.norm.weight')?.storage, 'f32');
      const embedding = after.tensors.get('model.embed_tokens.weight')?.storage;
      assert.equal(embedding, dtype === 'q4_0' ? 'q8_0' : dtype);
    } finally {
      await before.close();
      await after.close();
    }
  });
}

test('what llama.cpp has no place for is refused by name', async () => {
  await assert.rejects(write('gelu', 'f16'), /hidden_act gelu_pytorch_tanh/);
  await assert.rejects(write('yarn-mscale', 'f16'), /mscale: .*yarn/);
  await assert.rejects(write('yarn-no-truncate', 'f16'), /beta_fast/);
  await assert.rejects(
    write('default', 'f16', { model_type: 'mamba' }),
    /expected model_type llama, mistral, qwen2, qwen3, gemma3_text, gpt2 for a GGUF but found mamba/,
  );
  await assert.rejects(write('architectures/gpt2-hub', 'f16'), /scale_attn_by_inverse_layer_idx/);
  await assert.rejects(
    write('architectures/gpt2', 'f16', { activation_function: 'gelu' }),
    /activation_function gelu:/,
  );
  const full = 'full_attention';
  const yarn = { rope_type: 'yarn', factor: 4, rope_theta: 10000, original_max_position_embeddings: 16 };
  for (const [change, message] of [
    [{ hidden_activation: 'relu' }, /hidden_activation relu:/],
    [{ attention_bias: true }, /attention_bias:/],
    [{ layer_types: [full, 'sliding_attention', 'sliding_attention'] }, /layer_types: in a gemma3 GGUF every n-th/],
    [{ rope_parameters: { [full]: yarn } }, /rope_type yarn/],
  ] as const)
    await assert.rejects(write('architectures/gemma3', 'f16', change), message);
  await assert.rejects(write('architectures/qwen2-window', 'f16'), /use_sliding_window: a qwen2 GGUF/);
  await assert.rejects(write('architectures/qwen3-bias', 'f16'), /use_sliding_window|attention_bias/);
  const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, rope_theta: 10000, original_max_position_embeddings: 32 }; // prettier-ignore
  await assert.rejects(
    write('architectures/qwen2', 'f16', { rope_parameters: llama3 }),
    /a qwen2 GGUF has no place for this rope_type/,
  );
});

test('a Mistral names the window as its context', async () => {
  const read = await openCheckpoint(await write('architectures/mistral', 'f32'));
  try {
    assert.deepEqual([read.config['model_type'], read.config['max_position_embeddings']], ['llama', 5]);
  } finally {
    await read.close();
  }
});
