import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schedules, type ScheduleType, warmupSteps } from '../../src/optimizers/schedule.ts';
import { readFixture } from '../parity.ts';

interface Run {
  name: string;
  options: Record<string, unknown>;
  warmup: number;
  warmupSteps: number;
  learningRates: number[];
}

const { steps, learningRate, runs } = readFixture('optim/schedules.json') as {
  steps: number;
  learningRate: number;
  runs: Run[];
};
const known = runs.filter(({ name }) => Object.hasOwn(schedules, name));

test('every schedule stands in the fixture, with warmup in steps and as a share', () => {
  assert.deepEqual([...new Set(known.map(({ name }) => name))].toSorted(), Object.keys(schedules).toSorted());
  assert.equal(known.length, 5 * Object.keys(schedules).length);
});

for (const { name, warmup, warmupSteps: expected, learningRates } of known) {
  test(`${name} with warmup ${warmup}: the learning rates are transformers'`, () => {
    const found = warmupSteps(warmup, steps);
    assert.equal(found, expected);
    learningRates.forEach((rate, step) => {
      const value = learningRate * schedules[name as ScheduleType](step, steps, found);
      assert.ok(Math.abs(value - rate) < 1e-16, `step ${step}: ${value} against ${rate}`);
    });
  });
}
