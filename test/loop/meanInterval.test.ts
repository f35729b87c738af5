import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meanInterval } from '../../src/loop/meanInterval.ts';

test("the interval is Student's", () => {
  const { mean, interval } = meanInterval([1, 2, 3]);
  assert.equal(mean, 2);
  // 4.303 · 1 / √3
  assert.ok(Math.abs(interval[0] - (2 - 2.4843)) < 1e-3 && Math.abs(interval[1] - (2 + 2.4843)) < 1e-3);
  assert.throws(() => meanInterval([1]), /at least two seeds/);
});
