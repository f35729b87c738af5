import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fixture } from '../parity.ts';
import { runCli } from './run.ts';
import { jsonLines } from '../jsonLines.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-optimizers-'));
after(() => rmSync(folder, { recursive: true }));
const at = (...path: string[]): string => join(folder, ...path);
writeFileSync(
  at('data.jsonl'),
  ['2 + 2 =| 4', 'The cat| sat there.', 'the| mat', 'seven| apples']
    .map((pair) => pair.split('|'))
    .map(([prompt, completion]) => `${JSON.stringify({ prompt, completion })}\n`)
    .join(''),
);

interface Step {
  type: string;
  step: number;
  loss: number;
  learningRate: number;
}
const stepsOf = (run: string): Step[] =>
  jsonLines<Step>(at(run, 'metrics.jsonl')).filter(({ type }) => type === 'step');
const adapterOf = (run: string): Buffer => readFileSync(at(run, 'adapter', 'adapter_model.safetensors'));

const cases: readonly (readonly [string, string])[] = [
  ['sgd', '--learning-rate 0.3 --optimizer.momentum 0.9 --optimizer.nesterov --lr-scheduler-type inverse_sqrt'],
  ['lion', '--learning-rate 0.003 --lr-scheduler-type cosine_with_restarts --schedule.numCycles 2'],
  ['adafactor', '--learning-rate 0.02 --lr-scheduler-type warmup_stable_decay --warmup-steps 0.25'],
  ['adamw', '--learning-rate 0.01 --label-smoothing-factor 0.2 --lr-scheduler-type polynomial'],
];
for (const [type, options] of cases) {
  test(`${type} learns, and goes on from a checkpoint to the same bits`, async () => {
    const shared = `--optimizer ${type} --max-steps 9 --batch-size 2 --save-steps 4 --weight-decay 0.01 ${options}`;
    const argv = ['tune', '--model', fixture('models/chat'), '--data', at('data.jsonl'), '--out', at(type)];
    const { code, err } = await runCli([...argv, ...shared.split(' '), '--quiet']);
    assert.equal(code, 0, err);
    const whole = {
      steps: stepsOf(type).map(({ loss, learningRate }) => [loss, learningRate]),
      adapter: adapterOf(type),
    };
    assert.equal(whole.steps.length, 9);
    assert.ok((whole.steps.at(-1)?.[0] ?? NaN) < (whole.steps[0]?.[0] ?? NaN), 'it learns');
    for (const name of ['step-8', 'step-9']) rmSync(at(type, 'checkpoints', name), { recursive: true });
    writeFileSync(at(type, 'metrics.jsonl'), '');
    rmSync(at(type, 'adapter'), { recursive: true });
    assert.equal((await runCli(['tune', '--resume', at(type), '--quiet'])).code, 0);
    const resumed = stepsOf(type).map(({ loss, learningRate }) => [loss, learningRate]);
    assert.deepEqual(resumed, whole.steps.slice(4));
    assert.deepEqual(adapterOf(type), whole.adapter);
  });
}
