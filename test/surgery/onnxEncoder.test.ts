import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { openOnnxEncoder } from '../../src/runtime/node/onnx-encoder.ts';
import { exportOnnx, onnxFile } from '../../src/surgery/exportOnnx.ts';
import type { OnnxDtype } from '../../src/surgery/onnxWriter.ts';
import { fixture, readFixture, relativeError } from '../parity.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-onnx-encoder-'));
after(() => rmSync(folder, { recursive: true }));

interface Expected {
  readonly ids: number[][];
  readonly lengths: number[];
  readonly tokenTypes: number[][];
  readonly hidden: number[][];
  readonly logits: number[][];
}

const expectedOf = (name: string): Expected => readFixture(`classifiers/${name}/expected.json`) as Expected;

async function outputOf(name: string, output: 'last_hidden_state' | 'logits', dtype: OnnxDtype): Promise<Float32Array> {
  const checkpoint = await openCheckpoint(fixture(`classifiers/${name}`));
  const out = join(folder, `${name}-${output}-${dtype}`);
  const architectures = output === 'logits' ? checkpoint.config['architectures'] : ['Model'];
  try {
    await exportOnnx({ ...checkpoint, config: { ...checkpoint.config, architectures } }, out, dtype);
  } finally {
    await checkpoint.close();
  }
  const { hidden, logits } = expectedOf(name);
  const width = (output === 'logits' ? logits : hidden)[0]?.length ?? 0;
  const graph = { hasTokenTypes: name === 'bert', output, width };
  const encoder = await openOnnxEncoder(join(out, onnxFile(dtype)), graph, { threads: 1 });
  try {
    return await encoder.run(expectedOf(name));
  } finally {
    encoder.close();
  }
}

for (const name of ['bert', 'roberta', 'distilbert']) {
  test(`${name}: hidden states and logits of the exported graphs are transformers'`, async () => {
    const { hidden, logits, lengths } = expectedOf(name);
    const states = await outputOf(name, 'last_hidden_state', 'fp32');
    const real = hidden.slice(0, lengths[0]).flat();
    assert.ok(relativeError(states.subarray(0, real.length), real) < 1e-5);
    assert.ok(relativeError(await outputOf(name, 'logits', 'fp32'), logits.flat()) < 1e-5);
  });
}

test('weights in f16 cost little', async () => {
  const error = relativeError(await outputOf('bert', 'logits', 'fp16'), expectedOf('bert').logits.flat());
  assert.ok(error > 0 && error < 5e-3, `${error}`);
});

test('a classifier that is a decoder has no export', async () => {
  await assert.rejects(outputOf('llama', 'logits', 'fp32'), /this llama is a classifier/);
});
