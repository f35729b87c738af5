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
import type { OnnxDtype } from '../../src/surgery/onnxDecoder.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-onnx-'));
after(() => rmSync(folder, { recursive: true }));
const modelPath = (name: string): string => fileURLToPath(new URL(`../fixtures/models/${name}`, import.meta.url));

interface Expected {
  readonly ids: readonly (readonly number[])[];
  readonly logprobs: { readonly float64: readonly (readonly (number | null)[])[] };
}

/** Largest |Δ ln p| of the first sequence from transformers', the second half over a cache. */
async function distance(name: string, dtype: OnnxDtype): Promise<number> {
  const checkpoint = await openCheckpoint(modelPath(name));
  const out = join(folder, `${name}-${dtype}`);
  await exportOnnx(checkpoint, out, dtype);
  await checkpoint.close();
  const { ids, logprobs } = JSON.parse(readFileSync(join(modelPath(name), 'expected.json'), 'utf8')) as Expected;
  const row = ids[0] ?? [];
  const model = languageModel(checkpoint.config);
  const decoder = await openOnnxDecoder(join(out, onnxFile(dtype)), model, { threads: 1 });
  try {
    const logits = await decoder.logits(row, 9);
    let worst = 0;
    for (let t = 1; t < row.length; t++) {
      const at = logits.subarray((t - 1) * model.vocabSize, t * model.vocabSize);
      const total = Math.log(at.reduce((sum, z) => sum + Math.exp(z), 0));
      worst = Math.max(worst, Math.abs((at[row[t] ?? 0] ?? NaN) - total - (logprobs.float64[0]?.[t] ?? NaN)));
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
  await assert.rejects(distance('gelu', 'fp32'), /hidden_act gelu_pytorch_tanh/);
});
