import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tuneProgress } from '../../src/cli/progress.ts';
import type { StepEvent } from '../../src/loop/events.ts';

const step = (number: number): StepEvent => ({
  type: 'step',
  step: number,
  epoch: 1,
  loss: 1.25,
  learningRate: 1,
  gradNorm: 1,
  tokens: 500,
  supervisedTokens: 3,
  stepMs: 1000,
  peakBytes: 2e9,
});

/** What is told when a step ends every `stepMs` of the clock. */
function told(tty: boolean, stepMs: number, maxTimeMinutes?: number): string {
  let [text, clock] = ['', 0];
  const terminal = { out: async () => {}, err: (more: string) => void (text += more), tty };
  const progress = tuneProgress(terminal, () => clock);
  progress.emit({ type: 'preview', summary: {} as never, notes: ['4 examples'], example: ['  1 "a"', '+ 2 "b"'] });
  progress.emit({
    type: 'plan',
    steps: 100,
    stepsPerEpoch: 10,
    peakBytes: 3.2e9,
    trainBytes: 3e9,
    forgettingBytes: 3.1e9,
    parts: { presentBytes: 9e8, growthBytes: 1e8, weightBytes: 1e9, stateBytes: 5e8, valueBytes: 5e8 },
    stepSeconds: 1,
    seconds: 120,
    measureSeconds: 20,
    ...(maxTimeMinutes === undefined ? {} : { maxTimeMinutes }),
  });
  for (let number = 1; number <= 100; number++) {
    clock += stepMs;
    progress.emit(step(number));
    if (number === 40) progress.emit({ type: 'samples', step: 40, held: false, samples: [], sampleMs: 15_000 });
    if (number === 50) progress.emit({ type: 'saved', step: 50, path: 'run/checkpoints/step-50' });
  }
  progress.end();
  return text;
}

test('in a log there is a line now and then, with all that one wants to know', () => {
  const lines = told(false, 1000).trimEnd().split('\n');
  assert.deepEqual(lines.slice(0, 6), [
    '4 examples',
    '  1 "a"',
    '+ 2 "b"',
    'Plan: 100 steps, 10 an epoch; about 1.0 s a step, 2 min 00 s in all, 20 s of it for measuring; peak memory 3.20 GB',
    'Memory for training: 3.00 GB: 900 MB now, 100 MB of growth, 1.00 GB of weights, 500 MB of gradients and optimizer, 500 MB of values',
    'Memory for forgetting: 3.10 GB, more than for training',
  ]);
  assert.equal(lines[6], 'step 1/100, loss 1.2500, 500 tokens/s, 1 min 59 s left, peak 2.00 GB');
  assert.equal(lines.at(-1), 'step 100/100, loss 1.2500, 500 tokens/s, 5.0 s left, peak 2.00 GB');
  assert.ok(lines.includes('step 50: saved run/checkpoints/step-50'));
  const steps = lines.filter((line) => /^step \d+\//.test(line)).length;
  assert.ok(steps >= 20 && steps <= 22, `${steps} lines for 100 seconds`);
});

test('a time limit bounds the time that is left', () => {
  assert.match(told(false, 1000, 1), /step 1\/100, .* 59 s left/);
});

test('a terminal has one line that is rewritten, and learned tokens in colour', () => {
  const text = told(true, 1000);
  assert.ok(text.includes('\u001b[32m+ 2 "b"\u001b[39m\n'));
  assert.ok(text.includes('\r\u001b[Kstep 2/100  loss 1.2500  500 tokens/s  '));
  assert.equal(text.split('\n').length, 6 + 1 + 1 + 1, 'notes, plan, saved, end');
  assert.ok(text.includes('\r\u001b[Kstep 50: saved'));
});
