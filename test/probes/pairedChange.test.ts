import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lossChange, meanOf, ratioEstimate, sampledKl } from '../../src/probes/pairedChange.ts';
import { fillUniform, randomKey } from '../../src/ir/random.ts';

const uniforms = (count: number, name: string): Float32Array => {
  const values = new Float32Array(count);
  fillUniform(values, randomKey(1, name), 0);
  return values;
};

test('a ratio of sums has the interval of independent texts', () => {
  const { value, low = 0, high = 0 } = ratioEstimate([1, 2, 3, 6], [1, 1, 1, 1]);
  assert.equal(value, 3);
  // Four texts of one token: the standard error of a mean, sd / √4 with sd² = 14/3.
  const half = 1.959963984540054 * Math.sqrt(14 / 3 / 4);
  assert.ok(Math.abs(high - 3 - half) < 1e-12 && Math.abs(3 - low - half) < 1e-12);
  assert.deepEqual(ratioEstimate([2], [4]), { value: 0.5 });
  assert.throws(() => ratioEstimate([], []), /at least one token/);
});

test('losses are compared token by token, in nats', () => {
  const before = [[-1, -2], [-3]];
  const after = [[-1.5, -2.5], [-3]];
  assert.ok(Math.abs(lossChange(before, after).value - 1 / 3) < 1e-15);
  assert.equal(meanOf(before), 2);
  assert.equal(lossChange(before, before).high, 0);
});

test('KL from samples is that of the distributions', () => {
  const [p, q] = [
    [0.5, 0.3, 0.15, 0.05],
    [0.4, 0.2, 0.3, 0.1],
  ];
  const exact = p.reduce((sum, each, i) => sum + each * Math.log(each / (q[i] ?? 1)), 0);
  const drawn = [...uniforms(40000, 'draws')].map((u) => {
    let [token, below] = [0, p[0] ?? 0];
    while (u >= below && token < p.length - 1) below += p[++token] ?? 0;
    return token;
  });
  const texts = (of: readonly number[]): number[][] =>
    Array.from({ length: 400 }, (_, i) => drawn.slice(100 * i, 100 * (i + 1)).map((token) => Math.log(of[token] ?? 1)));
  const { value, low = 0, high = 0 } = sampledKl(texts(p), texts(q));
  assert.ok(low < exact && exact < high, `${exact} outside ${low} to ${high}`);
  assert.ok(Math.abs(value - exact) < 0.1 * exact && high - low < 0.1 * exact);
  assert.deepEqual(sampledKl(texts(p), texts(p)), { value: 0, low: 0, high: 0 });
});
