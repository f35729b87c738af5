import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fixture } from '../parity.ts';
import { runCli } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-divergence-'));
after(() => rmSync(folder, { recursive: true }));
const data = join(folder, 'data.jsonl');
writeFileSync(
  data,
  '{"prompt": "2 + 2 =", "completion": " 4"}\n{"prompt": "seven", "completion": " apples"}\n'.repeat(3),
);

const start = (run: string, ...more: string[]) => {
  const options = ['--lora-r', '2', '--batch-size', '2', '--save-steps', '1', '--max-steps', '6'];
  return runCli([
    'tune',
    '--model',
    fixture('models/chat'),
    '--data',
    data,
    '--out',
    join(folder, run),
    ...options,
    ...more,
  ]);
};

test('a run that diverges ends with the step, the op and its place; what was saved before stays and nothing else is saved', async () => {
  const { code, err } = await start('diverged', '--learning-rate', '1e18', '--warmup-steps', '3');
  assert.equal(code, 1);
  const [, what, step] =
    /Expected (a finite loss|finite gradients) but found .* in step (\d+), input lines [\d, ]+: (?:\w+ at [\w.]+ \((?:forward|backward)\) made (?:NaN|-?Infinity) of finite operands|parameter .* holds)/.exec(
      err,
    ) ?? assert.fail(err);
  assert.ok(Number(step) > 1, `${what} in step ${step}`);
  const saved = readdirSync(join(folder, 'diverged', 'checkpoints')).toSorted();
  assert.deepEqual(
    saved,
    Array.from({ length: Number(step) - 1 }, (_, i) => `step-${i + 1}`),
  );
  assert.ok(existsSync(join(folder, 'diverged', 'adapter', 'adapter_model.safetensors')));
});

test('an update that leaves NaN in the weights is not saved', async () => {
  // AdamW's step is at most the learning rate, which is past what f32 holds.
  const { code, err } = await start('overflow', '--learning-rate', '1e39');
  assert.equal(code, 1);
  assert.match(err, /step 1: Expected finite weights but found (NaN|-?Infinity) in [\w.]+ at element \d+/);
  assert.equal(existsSync(join(folder, 'overflow', 'checkpoints')), false);
  assert.equal(existsSync(join(folder, 'overflow', 'adapter')), false);
});
