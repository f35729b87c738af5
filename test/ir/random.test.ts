import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Counter,
  fillNormal,
  fillUniform,
  hashName,
  permutation,
  philox,
  randomKey,
  uniformOf,
} from '../../src/ir/random.ts';

/** Known answers of Random123's kat_vectors for philox4x32 10. */
const vectors: readonly { counter: Counter; key: readonly [number, number]; words: readonly number[] }[] = [
  { counter: [0, 0, 0, 0], key: [0, 0], words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
  {
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
];

for (const { counter, key, words } of vectors) {
  test(`Philox4x32-10 of counter ${counter.map((word) => word.toString(16)).join(' ')} is Random123's`, () => {
    const block = new Uint32Array(6);
    philox(block, 1, ...key, ...counter);
    assert.deepEqual([...block], [0, ...words, 0]);
    philox(block, 1, key[0] | 0, key[1] | 0, ...(counter.map((word) => word | 0) as [number, number, number, number]));
    assert.deepEqual([...block], [0, ...words, 0], 'signed words mean the same bits');
  });
}

const count = 100_000;

/** Moments 1 to 4 about zero. */
const moments = (values: Float32Array): number[] =>
  [1, 2, 3, 4].map((power) => values.reduce((sum, value) => sum + value ** power, 0) / values.length);

/** Each moment within five standard errors; `even` are the law's moments 1 to 8. */
function checkMoments(values: Float32Array, law: readonly number[]): void {
  moments(values).forEach((found, i) => {
    const want = law[i] ?? 0;
    const error = Math.sqrt(((law[2 * i + 1] ?? 0) - want * want) / values.length);
    assert.ok(Math.abs(found - want) < 5 * error, `moment ${i + 1}: ${found} against ${want} ± ${error}`);
  });
}

test('uniforms are in [0, 1), have the moments of their law and fill it evenly', () => {
  const values = new Float32Array(count);
  fillUniform(values, randomKey(1, 'uniform'));
  assert.ok(values.every((value) => value >= 0 && value < 1));
  checkMoments(
    values,
    [1, 2, 3, 4, 5, 6, 7, 8].map((power) => 1 / (power + 1)),
  );
  const bins = new Float64Array(20);
  for (const value of values) bins[Math.floor(value * 20)] = (bins[Math.floor(value * 20)] ?? 0) + 1;
  const chi = bins.reduce((sum, found) => sum + (found - count / 20) ** 2 / (count / 20), 0);
  assert.ok(chi < 52.1, `χ² ${chi} with 19 degrees of freedom`);
  assert.equal(uniformOf(0xffffffff), 1 - 2 ** -24);
  assert.equal(uniformOf(0), 0);
});

test('normals have the moments of their law and neighbours are not correlated', () => {
  const values = new Float32Array(count);
  fillNormal(values, randomKey(1, 'normal'));
  assert.ok(values.every(Number.isFinite));
  checkMoments(values, [0, 1, 0, 3, 0, 15, 0, 105]);
  for (const lag of [1, 2, 3, 4]) {
    const correlation = values.reduce((sum, value, i) => sum + value * (values[i + lag] ?? 0), 0) / count;
    assert.ok(Math.abs(correlation) < 5 / Math.sqrt(count), `lag ${lag}: ${correlation}`);
  }
  const within = values.filter((value) => Math.abs(value) < 1).length / count;
  assert.ok(Math.abs(within - 0.682689) < 5 * Math.sqrt((0.68 * 0.32) / count), `${within} within one`);
});

for (const [name, fill] of [
  ['uniforms', fillUniform],
  ['normals', fillNormal],
] as const) {
  test(`${name}: element i is the same wherever filling starts`, () => {
    const key = randomKey(2, name);
    const whole = new Float32Array(64);
    fill(whole, key);
    for (const [start, length] of [
      [0, 5],
      [1, 3],
      [2, 9],
      [7, 13],
      [63, 1],
    ] as const) {
      const part = new Float32Array(length);
      fill(part, key, start);
      assert.deepEqual(part, whole.subarray(start, start + length), `from ${start}`);
    }
    const far = new Float32Array(8);
    fill(far, key, 2 ** 34);
    const next = new Float32Array(4);
    fill(next, key, 2 ** 34 + 4);
    assert.deepEqual(far.subarray(4), next);
    assert.notDeepEqual(far, whole.subarray(0, 8), 'counters above 32 bits do not wrap');
    const other = new Float32Array(64);
    fill(other, randomKey(3, name));
    assert.notDeepEqual(other, whole);
  });
}

test('uniforms and normals of one key are not made of the same bits', () => {
  const [u, n] = [new Float32Array(4), new Float32Array(4)];
  fillUniform(u, [1, 2]);
  fillNormal(n, [1, 2]);
  const radius = (n[0] ?? 0) ** 2 + (n[1] ?? 0) ** 2;
  assert.ok(Math.abs(Math.exp(-radius / 2) - (u[0] ?? 0)) > 1e-4);
});

test('a permutation is one, depends on the key, and every place gets every item', () => {
  for (const n of [0, 1, 2, 17, 1000]) {
    const order = permutation(n, randomKey(4, 'order', n));
    assert.deepEqual(
      [...order].toSorted((a, b) => a - b),
      Array.from({ length: n }, (_, i) => i),
    );
    assert.deepEqual(permutation(n, randomKey(4, 'order', n)), order);
  }
  assert.notDeepEqual(permutation(1000, randomKey(4, 'order')), permutation(1000, randomKey(5, 'order')));
  assert.notDeepEqual(permutation(1000, randomKey(4, 'order', 0)), permutation(1000, randomKey(4, 'order', 1)));
  const [size, times] = [5, 10_000];
  const counts = new Float64Array(size * size);
  for (let i = 0; i < times; i++)
    permutation(size, randomKey(i, 'places')).forEach((item, place) => {
      counts[place * size + item] = (counts[place * size + item] ?? 0) + 1;
    });
  const chi = counts.reduce((sum, found) => sum + (found - times / size) ** 2 / (times / size), 0);
  // (n-1)² degrees of freedom times n/(n-1): the 1 - 1e-4 quantile of χ² with 16 is 45.1.
  assert.ok((chi * (size - 1)) / size < 45.1, `χ² ${chi}`);
});

test('keys differ by seed, name and step, also above 32 bits, and seeds outside are refused', () => {
  const keys = [
    randomKey(0, 'a'),
    randomKey(1, 'a'),
    randomKey(2 ** 32, 'a'),
    randomKey(2 ** 52, 'a'),
    randomKey(0, 'b'),
    randomKey(0, 'a', 1),
    randomKey(0, 'a', 2 ** 32),
  ].map((key) => key.join());
  assert.equal(new Set(keys).size, keys.length);
  for (const seed of [-1, 0.5, 2 ** 53, Number.NaN])
    assert.throws(() => randomKey(seed, 'a'), /seed in \[0, 2\^53\) but found/);
  const names = Array.from({ length: 2000 }, (_, i) => `model.layers.${i}.self_attn.q_proj`);
  assert.equal(new Set(names.map(hashName)).size, names.length);
});
