import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wilson } from '../../src/loop/wilson.ts';

const close = (found: readonly number[], expected: readonly number[]): void =>
  found.forEach((value, i) => assert.ok(Math.abs(value - (expected[i] ?? NaN)) < 5e-5, found.join(' ')));

// Newcombe 1998, table I, method 3.
test('the interval is that of the literature', () => {
  close(wilson(81, 263), [0.2553, 0.3662]);
  close(wilson(15, 148), [0.0624, 0.1605]);
  close(wilson(0, 20), [0, 0.1611]);
  assert.equal(wilson(0, 100)[0], 0);
  assert.equal(wilson(100, 100)[1], 1);
  close(wilson(1, 29), [0.0061, 0.1718]);
});

test('shares of nothing and more hits than trials are refused', () => {
  assert.throws(() => wilson(0, 0), RangeError);
  assert.throws(() => wilson(3, 2), RangeError);
});
