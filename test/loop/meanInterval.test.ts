import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meanInterval } from '../../src/loop/meanInterval.ts';

test("the interval is Student's", () => {
  const { mean, interval } = meanInterval([1, 2, 3]);
  assert.equal(mean, 2);
  // 4.303 · 1 / √3
  assert.ok(Math.abs(interval[0] - (2 - 2.4843)) < 1e-3 && Math.abs(interval[1] - (2 + 2.4843)) < 1e-3);
  // Quantiles of 31, 60 and 120 degrees of freedom, from a printed table.
  for (const [freedom, quantile] of [
    [30, 2.042],
    [31, 2.04],
    [60, 2.0],
    [120, 1.98],
  ] as const) {
    const values = Array.from({ length: freedom + 1 }, (_, i) => (i % 2 === 0 ? 1 : -1));
    const { mean: middle, interval: edges } = meanInterval(values);
    const variance = values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / freedom;
    const found = (edges[1] - middle) / Math.sqrt(variance / values.length);
    assert.ok(Math.abs(found - quantile) < 6e-4, `${freedom}: ${found}`);
  }
  assert.throws(() => meanInterval([1]), /at least two seeds/);
});
