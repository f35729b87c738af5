import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EvalEvent, MetricsLine } from '../../src/loop/events.ts';
import { outcomeOf, outcomeRows, outcomeText } from '../../src/loop/outcome.ts';

const evaluation = (step: number, evalLoss: number, evalLossError: number): MetricsLine => ({
  type: 'eval',
  step,
  evalLoss,
  supervisedTokens: 100,
  evalLossError,
  reward: step / 10,
  rewardError: 0.1,
  graded: 16,
  evalMs: 1,
});
const estimate = (value: number) => ({ value, low: value - 0.1, high: value + 0.1 });
const kept = (step: number, change: number, right: number): MetricsLine => {
  const figures = { loss: 2 + change, baseLoss: 2, change: estimate(change) };
  return {
    type: 'forgetting',
    step,
    forgetting: estimate(change),
    texts: { general: figures, own: figures },
    abilities: { right, of: 48, low: right / 48 - 0.1, high: right / 48 + 0.1, marginNats: right / 10 },
    klNats: { own: estimate(change), target: estimate(2 * change) },
    measureMs: 1,
  };
};
const metrics: MetricsLine[] = [
  evaluation(0, 3, 0.3),
  kept(0, 0, 40),
  evaluation(4, 1, 0.4),
  kept(4, 0.5, 30),
  evaluation(8, 2, 0.1),
  kept(8, 0.9, 20),
  { type: 'drift', step: 4, distance: 0.02, layers: { 'layers.0': 0.01, 'layers.1': 0.03, norm: 0 }, measureMs: 1 },
];

test('the outcome is that of the weights that the run ends with', () => {
  const { gain, forgetting, drift } = outcomeOf(metrics, 4);
  assert.deepEqual([gain.loss?.before, gain.loss?.after, gain.loss?.change.value], [3, 1, -2]);
  const half = 1.959963984540054 * 0.5;
  assert.ok(Math.abs((gain.loss?.change.high ?? 0) - (-2 + half)) < 1e-12);
  assert.equal(gain.score?.after, 0.4);
  assert.deepEqual([forgetting?.step, forgetting?.abilitiesBefore.right], [4, 40]);
  assert.equal(drift?.distance, 0.02);
});

test('the gain of a classifier is told by example, its accuracy with the interval of a difference of shares', () => {
  const told = (step: number, right: number, of: number): EvalEvent => ({
    type: 'eval',
    step,
    evalLoss: 1,
    per: 'example',
    supervisedTokens: of,
    accuracy: right / of,
    evalMs: 1,
  });
  const change = (before: number, after: number, of: number) =>
    outcomeOf([told(0, before, of), told(4, after, of)], 4).gain.accuracy?.change;
  // Newcombe (1998), table II, method 10: 6 of 7 and 2 of 7, 10 of 10 and none.
  for (const [right, before, of, low, high] of [
    [6, 2, 7, 0.0582, 0.8062],
    [10, 0, 10, 0.6075, 1],
  ] as const) {
    const found = change(before, right, of);
    assert.ok(Math.abs((found?.low ?? 9) - low) < 6e-5 && Math.abs((found?.high ?? 9) - high) < 6e-5);
  }
  // Newcombe's first row, of unequal numbers: 56 of 70 and 48 of 80, here grades of 0 and 1.
  const graded = (step: number, right: number, of: number): EvalEvent => ({
    ...told(step, right, of),
    reward: right / of,
    rewardError: 0,
    graded: of,
    right,
  });
  const { score } = outcomeOf([graded(0, 48, 80), graded(4, 56, 70)], 4).gain;
  assert.ok(Math.abs((score?.change.low ?? 9) - 0.0524) < 6e-5 && Math.abs((score?.change.high ?? 9) - 0.3339) < 6e-5);
  const { gain } = outcomeOf([told(0, 2, 7), told(4, 6, 7)], 4);
  assert.deepEqual(
    outcomeRows({ gain }).map(({ name }) => name),
    ['gain: held-out loss, nats/example', 'gain: accuracy on held-out examples'],
  );
});

test('the table says what was measured, and nothing of what was not', () => {
  const text = outcomeText(outcomeRows(outcomeOf(metrics, 4)));
  assert.match(text, /held-out loss, nats\/token +3\.000 +1\.000 +−2\.000 \(−2\.980 to −1\.020\)/);
  assert.match(text, /loss on general texts, nats\/token +2\.000 +2\.500 +\+0\.500 \(\+0\.400 to \+0\.600\)/);
  assert.match(text, /abilities, right of two +40 of 48 .* 30 of 48 .*margin −1\.00 nats/);
  assert.match(text, /weights moved, of their norm +0 +2\.0% +layers 1\.0% to 3\.0%/);
  assert.deepEqual(outcomeRows(outcomeOf([], 0)), []);
  assert.deepEqual(
    outcomeOf([{ ...evaluation(0, 3, 0), evalLossError: undefined } as never, evaluation(4, 1, 0.1)], 4).gain.loss
      ?.change,
    { value: -2 },
  );
});
