import assert from 'node:assert/strict';
import { test } from 'node:test';
import { learningRates, type ScheduleConfig, schedules, stepsOf } from '../../src/optimizers/schedule.ts';
import { camelCase, readFixture } from '../parity.ts';

interface Run {
  name: ScheduleConfig['type'];
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

test('every schedule stands in the fixture', () => {
  assert.deepEqual([...new Set(runs.map(({ name }) => name))].toSorted(), Object.keys(schedules).toSorted());
});

for (const { name, options, warmup, warmupSteps, learningRates: expected } of runs) {
  test(`${name} ${JSON.stringify(options)} with warmup ${warmup}: the learning rates are transformers'`, () => {
    assert.equal(stepsOf(warmup, steps), warmupSteps);
    const given = Object.fromEntries(Object.entries(options).map(([key, value]) => [camelCase(key), value]));
    const raw = { type: name, ...given, ...(name === 'constant' ? {} : { warmupSteps: warmup }) };
    const rateAt = learningRates(schedules[name].schema.parse(raw), { steps, learningRate });
    expected.forEach((rate, step) => {
      const value = rateAt(step);
      assert.ok(Math.abs(value - rate) < 1e-16, `step ${step}: ${value} against ${rate}`);
    });
  });
}
