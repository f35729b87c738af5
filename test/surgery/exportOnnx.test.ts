import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { openOnnxDecoder } from '../../src/runtime/node/onnx-decoder.ts';
import { exportOnnx, onnxFile } from '../../src/surgery/exportOnnx.ts';
import type { OnnxDtype } from '../../src/surgery/onnxWriter.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-onnx-'));
after(() => rmSync(folder, { recursive: true }));
const modelPath = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name.includes('/') ? name : `models/${name}`}`, import.meta.url));

type Rows = readonly (readonly (number | null)[])[];

interface Expected {
  readonly ids: readonly (readonly number[])[];
  readonly logprobs: Rows | { readonly float64: Rows };
}

/** Largest |Δ ln p| of the first sequence from transformers', the second half over a cache. */
async function distance(name: string, dtype: OnnxDtype): Promise<number> {
  const checkpoint = await openCheckpoint(modelPath(name));
  const out = join(folder, `${name.replace('/', '-')}-${dtype}`);
  try {
    await exportOnnx(checkpoint, out, dtype);
  } finally {
    await checkpoint.close();
  }
  const { ids, logprobs } = JSON.parse(readFileSync(join(modelPath(name), 'expected.json'), 'utf8')) as Expected;
  const rows = 'float64' in logprobs ? logprobs.float64 : logprobs;
  const row = ids[0] ?? [];
  const model = languageModel(checkpoint.config);
  const decoder = await openOnnxDecoder(join(out, onnxFile(dtype)), model, { threads: 1 });
  try {
    const logits = await decoder.logits(row, 9);
    let worst = 0;
    for (let t = 1; t < row.length; t++) {
      const at = logits.subarray((t - 1) * model.vocabSize, t * model.vocabSize);
      const total = Math.log(at.reduce((sum, z) => sum + Math.exp(z), 0));
      worst = Math.max(worst, Math.abs((at[row[t] ?? 0] ?? NaN) - total - (rows[0]?.[t] ?? NaN)));
    }
    return worst;
  } finally {
    decoder.close();
  }
}

for (const name of [
  'default',
  'bias',
  'tied',
  'bf16',
  'sharded',
  'wide-heads',
  'linear',
  'llama3',
  'yarn',
  'yarn-mscale',
  'architectures/mistral',
  'architectures/mistral-no-window',
  'architectures/qwen2',
  'architectures/qwen2-window',
  'architectures/qwen3',
  'architectures/qwen3-bias',
  'architectures/gemma3',
  'architectures/gemma3-old',
  'architectures/gpt2',
  'architectures/gpt2-hub',
  'gelu',
]) {
  test(`${name}: the exported graph computes what transformers does, over a cache too`, async () => {
    assert.ok((await distance(name, 'fp32')) < 1e-4);
  });
}

test('weights in f16, 8 and 4 bits are off by what their rounding costs', async () => {
  const [half, eight, four] = [
    await distance('default', 'fp16'),
    await distance('default', 'q8'),
    await distance('default', 'q4'),
  ];
  assert.ok(half < 0.02 && eight < 0.3 && four < 4, `${half} ${eight} ${four}`);
  assert.ok(half < eight && eight < four, `${half} ${eight} ${four}`);
});

test('what has no export is refused by name', async () => {
  const checkpoint = await openCheckpoint(modelPath('default'));
  const mamba = { ...checkpoint, config: { ...checkpoint.config, model_type: 'mamba' } };
  await assert.rejects(
    exportOnnx(mamba, join(folder, 'mamba'), 'fp32'),
    /expected model_type llama, mistral, qwen2, qwen3, gemma3_text, gpt2, bert, roberta, distilbert for ONNX but found mamba/,
  );
  await checkpoint.close();
});

interface Generation {
  readonly generation: {
    readonly prompts: readonly (readonly number[])[];
    readonly ids: readonly (readonly number[])[];
  };
}

for (const name of ['mistral', 'qwen2', 'qwen3', 'gemma3', 'gpt2']) {
  test(`${name}: transformers.js generates what transformers does`, async () => {
    const checkpoint = await openCheckpoint(modelPath(`architectures/${name}`));
    await exportOnnx(checkpoint, join(folder, name), 'fp32');
    await checkpoint.close();
    const { generation } = JSON.parse(
      readFileSync(join(modelPath(`architectures/${name}`), 'expected.json'), 'utf8'),
    ) as Generation;
    const { AutoModelForCausalLM, env, Tensor } = await import('@huggingface/transformers');
    env.allowRemoteModels = false;
    env.localModelPath = folder;
    const model = await AutoModelForCausalLM.from_pretrained(name, { dtype: 'fp32', device: 'cpu' });
    for (const [row, prompt] of generation.prompts.entries()) {
      const all = generation.ids[row] ?? [];
      // It ends at the stop token, which the fixture goes past.
      const stop = all.indexOf(Number(checkpoint.config['eos_token_id']));
      const wanted = stop < 0 ? all : all.slice(0, stop + 1);
      const ids = BigInt64Array.from(prompt, BigInt);
      const inputs = {
        input_ids: new Tensor('int64', ids, [1, prompt.length]),
        attention_mask: new Tensor(
          'int64',
          ids.map(() => 1n),
          [1, prompt.length],
        ),
      };
      const made = (await model.generate({ ...inputs, max_new_tokens: all.length, do_sample: false })) as {
        tolist(): bigint[][];
      };
      assert.deepEqual((made.tolist()[0] ?? []).slice(prompt.length).map(Number), wanted);
    }
  });
}
