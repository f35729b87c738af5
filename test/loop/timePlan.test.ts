import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Session } from '../../src/loop/session.ts';
import { planTime } from '../../src/loop/timePlan.ts';

/** The estimate of a run whose passes take so long, one after another. */
async function planned(steps: number, done: number, passMs: readonly (number | undefined)[]) {
  const left = [...passMs];
  const trainer = { step: () => done, time: async () => left.shift() } as unknown as Session['trainer'];
  const plan = { steps, sample: { batch: {}, passesPerStep: 2.5 } } as unknown as Session['plan'];
  return { plan: await planTime({ trainer, plan }), left: left.length };
}

test('time comes from one pass, the second where the first is short, and counts what is still to come', async () => {
  assert.deepEqual(await planned(100, 0, [2000, 1]), { plan: { stepSeconds: 5, seconds: 500 }, left: 1 });
  assert.deepEqual(await planned(100, 40, [400, 200]), { plan: { stepSeconds: 0.5, seconds: 30 }, left: 0 });
});

test('nothing is measured for a few passes, nor where a pass would change something', async () => {
  assert.deepEqual(await planned(100, 93, [2000]), { plan: undefined, left: 1 });
  assert.deepEqual(await planned(100, 0, [undefined]), { plan: undefined, left: 0 });
});
