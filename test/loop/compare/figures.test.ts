import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figuresOf, front, meanOver } from '../../../src/loop/compare/figures.ts';
import { methodResults } from '../../../src/loop/compare/result.ts';
import { shareOf } from '../../../src/loop/compare/share.ts';
import { compareText } from '../../../src/loop/compare/table.ts';
import type { MetricsLine } from '../../../src/loop/events.ts';
import type { RunRecord } from '../../../src/loop/runFolder.ts';

const of = (gain: number, forgetting: number, cpuSeconds: number) => ({ gain, forgetting, cpuSeconds });

test('the front holds those that no other equals everywhere and surpasses somewhere', () => {
  assert.deepEqual(front([of(2, 1, 10), of(1, 0.5, 10), of(1, 1, 10), of(2, 1, 20)]), [0, 1]);
  assert.deepEqual(front([of(1, 1, 10), of(1, 1, 10)]), [0, 1], 'equals do not dominate each other');
  assert.deepEqual(front([of(1, 1, 10), of(0, 2, 5)]), [0, 1], 'less cost counts');
  assert.deepEqual(front([of(1, 1, 10), of(0, 2, 9.6)]), [0], 'costs within 5% are equal');
  assert.deepEqual(front([{ gain: 1, cpuSeconds: 1 }, of(2, 9, 1)]), [1], 'what one lacks counts for none');
  assert.deepEqual(front([]), []);
});

test("a mean has Student's interval over seeds, which stays above what no value is below", () => {
  assert.deepEqual(meanOver([3]), { mean: 3 });
  const { mean, low, high } = meanOver([1, 2, 3], 0);
  assert.ok(mean === 2 && low === 0 && Math.abs((high ?? 0) - 4.4843) < 1e-3);
  assert.throws(() => meanOver([]), RangeError);
});

const step = (step: number, stepMs: number, peakBytes: number) =>
  ({ type: 'step', step, stepMs, cpuMs: 2 * stepMs, peakBytes }) as unknown as MetricsLine;
const evaluation = (step: number, evalLoss: number, rest: object = {}) =>
  ({ type: 'eval', step, evalLoss, ...rest }) as unknown as MetricsLine;
const done = { type: 'done', step: 2, adapterStep: 2, stopReason: 'max-steps', seconds: 9, peakBytes: 6 } as const;
const record = { parameters: { all: 9, trained: 4 } } as RunRecord;

test('figures of a run are told from its metrics', () => {
  const metrics = [evaluation(0, 3), step(1, 100, 5), step(2, 300, 7), evaluation(2, 1), done];
  assert.deepEqual(figuresOf(metrics, record), {
    gain: 2,
    cpuSeconds: 0.8,
    trainSeconds: 0.4,
    peakBytes: 7,
    trainedParameters: 4,
  });
  const graded = [evaluation(0, 3, { reward: 0.25 }), step(1, 1, 1), evaluation(2, 9, { reward: 0.75 }), done];
  assert.equal(figuresOf(graded, record).gain, 0.5);
  const right = [evaluation(0, 3, { accuracy: 0.5 }), step(1, 1, 1), evaluation(2, 9, { accuracy: 0.25 }), done];
  assert.equal(figuresOf(right, record).gain, -0.25);
  assert.deepEqual(figuresOf(metrics.slice(0, -1), record), {});
});

const run = (seed: number, figures?: ReturnType<typeof of>) => ({
  seed,
  folder: '',
  ...(figures ? { state: 'done' as const, figures } : { state: 'missing' as const }),
});
const methods = [
  { name: 'a', changes: {}, runs: [run(1, of(1, 1, 10)), run(2, of(3, 1, 10)), run(3, of(9, 1, 10))] },
  { name: 'b', changes: {}, runs: [run(1, of(2, 1, 10)), run(2, of(4, 2, 10)), run(3)] },
  { name: 'c', changes: {}, runs: [run(1), run(2), run(3)] },
];

test('methods are compared with the first one, seed by seed', () => {
  const [a, b, c] = methodResults(methods, [1, 2, 3]).methods;
  assert.equal(a?.against, undefined);
  assert.deepEqual(b?.against?.gain, { mean: 1, low: 1, high: 1 }, 'only the seeds that both have');
  assert.deepEqual([c?.figures, c?.against, c?.front], [{}, {}, false]);
  const pair = methodResults(methods, [1, 2, 3]);
  assert.deepEqual(pair.commonSeeds, [1, 2]);
  assert.deepEqual(
    pair.methods.map(({ frontSeeds }) => frontSeeds),
    [1, 2, 0],
    'a method that has nothing takes no seed from the others',
  );
});

test('the table tells what was measured, without columns of nothing', () => {
  const text = compareText({
    schemaVersion: 1,
    model: 'm',
    data: ['d'],
    gain: 'loss',
    seeds: [1, 2, 3],
    ...methodResults(methods, [1, 2, 3]),
    versions: {},
    parallel: 1,
    threads: 1,
  });
  const [head, first, , third] = text.split('\n');
  assert.match(head ?? '', /^ +method +runs +gain +forgetting +cost$/);
  assert.match(
    first ?? '',
    /^\* +a +3\/3 +\+4\.333 \(−6\.0\d+ to \+14\.\d+\) +\+1\.000 \(\+1\.000 to \+1\.000\) +10 s$/,
  );
  assert.match(third ?? '', /^ +c +0\/3$/);
});

test('runs share cores, and memory', () => {
  const machine = { cores: 8, availableBytes: 100 };
  assert.deepEqual(shareOf([1, 1, 1], machine), { parallel: 3, threads: 2 });
  assert.deepEqual(shareOf(Array<number>(20).fill(1), machine), { parallel: 8, threads: 1 });
  assert.deepEqual(shareOf([40, 40, 40, 1], machine), { parallel: 2, threads: 4 }, '90 of 100 for the largest');
  assert.deepEqual(shareOf([400, 400], machine), { parallel: 1, threads: 8 });
  assert.deepEqual(shareOf([1, 1, 1], machine, { threads: 4 }), { parallel: 2, threads: 4 });
  assert.deepEqual(shareOf([60, 60, 60], machine, { parallel: 2 }), { parallel: 2, threads: 4 });
  assert.deepEqual(shareOf([], machine), { parallel: 1, threads: 8 });
});
