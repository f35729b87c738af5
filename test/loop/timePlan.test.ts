import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { test } from 'node:test';
import type { Session } from '../../src/loop/session.ts';
import { planTime, type TimePlan } from '../../src/loop/timePlan.ts';
import { timesAfter } from '../../src/loop/work.ts';

interface Case {
  readonly steps: number;
  readonly done: number;
  /** Of one pass after another. */
  readonly passMs: readonly (number | undefined)[];
  readonly between?: Partial<Session>;
}

/** The estimate of a run whose passes take so long, and what was not asked for. */
async function planned({ steps, done, passMs, between = {} }: Case): Promise<{ plan?: TimePlan; left: number }> {
  const left = [...passMs];
  const session = {
    trainer: { step: () => done, time: async () => left.shift() },
    task: { evaluate: () => setTimeout(20) },
    plan: { steps, sample: { batch: { batch: 2, length: 10 }, passesPerStep: 2.5 }, evalPlaces: 200 },
    config: { train: { evalSteps: 50 }, forgetting: {} },
    ...between,
  };
  const plan = await planTime(session as unknown as Session);
  return { ...(plan ? { plan } : {}), left: left.length };
}

test('time comes from one pass, the second where the first is short, and counts what is still to come', async () => {
  const found = await planned({ steps: 100, done: 0, passMs: [2000, 1] });
  assert.deepEqual(found, { plan: { stepSeconds: 5, seconds: 500, measureSeconds: 0 }, left: 1 });
  const later = await planned({ steps: 100, done: 40, passMs: [400, 200] });
  assert.deepEqual(later, { plan: { stepSeconds: 0.5, seconds: 30, measureSeconds: 0 }, left: 0 });
});

test('evaluations and answers are counted by their places, as often as they come', async () => {
  const places = (count: number) => ({ graphs: [], hostBytes: 0, places: count, writes: 0 });
  const between = {
    measuring: { measure: () => assert.fail(), answering: places(100) },
    sampler: { sample: () => assert.fail(), work: places(50) },
  } as unknown as Partial<Session>;
  const { plan } = await planned({ steps: 100, done: 0, passMs: [2000], between });
  // At step 0, 50 and 100 an evaluation of 200 + 100 places, before and after 50 of answers; 20 places take 20 ms or little more.
  const seconds = plan?.measureSeconds ?? 0;
  assert.ok(seconds >= 0.98 && seconds < 3, `${seconds}`);
  assert.equal(plan?.seconds, 500 + seconds);
});

test('nothing is measured for a few passes, nor where a pass would change something', async () => {
  assert.deepEqual(await planned({ steps: 100, done: 93, passMs: [2000] }), { left: 1 });
  assert.deepEqual(await planned({ steps: 100, done: 0, passMs: [undefined] }), { left: 0 });
});

test('what comes every so many steps comes at the end too', () => {
  assert.deepEqual(
    [
      timesAfter(0, 10, 5),
      timesAfter(0, 10, 4),
      timesAfter(5, 10, 5),
      timesAfter(3, 10, undefined),
      timesAfter(10, 10, 5),
    ],
    [2, 3, 1, 1, 0],
  );
});
