import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runHere } from '../../../src/runtime/linalg/job.ts';
import { linearAlgebra } from '../../../src/runtime/linalg/service.ts';
import {
  assertClose,
  assertOrthonormal,
  type Dense,
  diagonal,
  double,
  identity,
  matrix,
  multiply,
  norm,
  random,
  scaled,
  single,
  transpose,
} from './matrices.ts';

const linalg = linearAlgebra(runHere());

/** Columns of U and rows of Vᵀ beyond the singular values meet zeros. */
function rectangle(s: Dense, rows: number, columns: number): Dense {
  return matrix(rows, columns, (i, j) => (i === j ? (s.data[i] ?? 0) : 0));
}

async function check(name: string, a: Dense, full: boolean, tolerance: number, asSingle = false): Promise<void> {
  const found = await linalg.svd<Float32Array | Float64Array>(asSingle ? single(a) : a, { full });
  const [u, s, vt] = [double(found.u), double(found.s), double(found.vt)];
  const [m = 0, n = 0] = a.shape;
  const k = Math.min(m, n);
  const what = `${name}${full ? ', full' : ''}${asSingle ? ', f32' : ''}`;
  assert.deepEqual([u.shape, s.shape, vt.shape], [[m, full ? m : k], [k], [full ? n : k, n]], what);
  const middle = rectangle(s, u.shape[1] ?? 0, vt.shape[0] ?? 0);
  const scale = norm(a);
  // Scaled so that no square of the norm overflows.
  const unit = scale > 0 && Number.isFinite(scale) ? scale : (s.data[0] ?? 1) || 1;
  assertClose(
    multiply(multiply(u, scaled(middle, 1 / unit)), vt),
    scaled(a, 1 / unit),
    tolerance,
    `${what} reconstructed`,
  );
  assertOrthonormal(u, tolerance, `${what} U`);
  assertOrthonormal(transpose(vt), tolerance, `${what} V`);
  for (let i = 1; i < k; i++) assert.ok((s.data[i - 1] ?? 0) >= (s.data[i] ?? 0), `${what}: s descends`);
  for (let j = 0; j < (u.shape[1] ?? 0); j++) {
    let largest = 0;
    for (let i = 0; i < m; i++) {
      const value = u.data[i * (u.shape[1] ?? 0) + j] ?? 0;
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    assert.ok(largest >= 0, `${what}: the largest entry of left vector ${j} is ${largest}`);
  }
}

const sizes = [
  [1, 1],
  [1, 9],
  [9, 1],
  [2, 2],
  [5, 3],
  [3, 5],
  [31, 33],
  [33, 31],
  [70, 33],
  [33, 70],
  [64, 64],
  [130, 100],
  [200, 65],
];

for (const [m = 0, n = 0] of sizes) {
  test(`svd of random [${m}, ${n}] in f64 and f32, thin and full`, async () => {
    const a = random([m, n], m + 100 * n);
    for (const full of [false, true]) {
      await check('random', a, full, 1e-13);
      await check('random', double(single(a)), full, 1e-6, true);
    }
  });
}

const n = 40;
/** Orthogonal times diagonal times orthogonal. */
async function withValues(values: ArrayLike<number>, seed: number): Promise<Dense> {
  const size = values.length;
  const { q: left } = await linalg.qr(random([size, size], seed));
  const { q: right } = await linalg.qr(random([size, size], seed + 1));
  return multiply(multiply(left, diagonal(values)), right);
}

const noise = random([n, n], 11);
const at = (i: number, j: number): number => noise.data[i * n + j] ?? 0;
const hard: Readonly<Record<string, Dense | Promise<Dense>>> = {
  zero: matrix(n, n, () => 0),
  ones: matrix(n, n, () => 1),
  identity: identity(n),
  'shift, nilpotent': matrix(n, n, (i, j) => (j === i + 1 ? 1 : 0)),
  'Kahan-like, nearly singular': matrix(n, n, (i, j) => (i === j ? 1 : j > i ? -1 : 0)),
  Hilbert: matrix(n, n, (i, j) => 1 / (i + j + 1)),
  'rank 3': multiply(random([n, 3], 1), random([3, n], 2)),
  'rows falling': matrix(n, n, (i, j) => 10 ** -i * at(i, j)),
  'rows rising': matrix(n, n, (i, j) => 10 ** (i - n) * at(i, j)),
  'columns falling': matrix(n, n, (i, j) => 10 ** (-8 * j) * at(i, j)),
  'repeated values': withValues(
    Float64Array.from({ length: n }, (_, i) => 1 + Math.floor(i / 10)),
    3,
  ),
  'clustered values': withValues(
    Float64Array.from({ length: n }, (_, i) => 1 + i * 1e-14),
    5,
  ),
  'one large value': withValues(
    Float64Array.from({ length: n }, (_, i) => (i === 0 ? 1e12 : 1)),
    7,
  ),
  '1e-30': scaled(noise, 1e-30),
  '1e30': scaled(noise, 1e30),
  '1e-300': scaled(noise, 1e-300),
  '1e300': scaled(noise, 1e300),
  'zero rows': matrix(n, n, (i, j) => (i % 3 === 0 ? 0 : at(i, j))),
  'tall of rank 1': matrix(90, 20, (i, j) => (i + 1) * (j + 1)),
};
for (const [name, a] of Object.entries(hard)) {
  test(`svd: ${name}`, async () => {
    const dense = await a;
    for (const full of [false, true]) await check(name, dense, full, 1e-13);
    const values = await linalg.svdvals(dense);
    const { s } = await linalg.svd(dense);
    const largest = s.data[0] ?? 0;
    values.data.forEach((value, i) => assert.ok(Math.abs(value - (s.data[i] ?? 0)) <= 1e-14 * largest, `value ${i}`));
  });
}

test('svd finds known singular values', async () => {
  const values = Float64Array.from({ length: n }, (_, i) => 2 ** (-i / 2));
  const { data } = await linalg.svdvals(await withValues(values, 21));
  data.forEach((value, i) => assert.ok(Math.abs(value - (values[i] ?? 0)) <= 1e-14, `value ${i}: ${value}`));
});

test('svd of f32 at the ends of its exponents', async () => {
  for (const factor of [1e-30, 1e30])
    await check(`times ${factor}`, double(single(scaled(noise, factor))), false, 1e-6, true);
});

test('svd of matrices without entries: full factors are identities', async () => {
  const { u, s, vt } = await linalg.svd({ shape: [0, 3], data: new Float64Array(0) }, { full: true });
  assert.deepEqual([u.shape, s.shape, vt.shape], [[0, 0], [0], [3, 3]]);
  assert.deepEqual([...vt.data], [1, 0, 0, 0, 1, 0, 0, 0, 1]);
  assert.deepEqual((await linalg.svd({ shape: [0, 4, 2], data: new Float32Array(0) })).u.shape, [0, 4, 2]);
});

test('svdLowRank finds the leading triplets, the same for one seed', async () => {
  const a = multiply(random([120, 6], 31), random([6, 80], 32));
  const exact = await linalg.svd(a);
  const found = await linalg.svdLowRank(a, { rank: 6 });
  assert.deepEqual([found.u.shape, found.s.shape, found.vt.shape], [[120, 6], [6], [6, 80]]);
  assertClose(found.s, { shape: [6], data: exact.s.data.slice(0, 6) }, 1e-12, 's', norm(a));
  assertClose(multiply(multiply(found.u, diagonal(found.s.data)), found.vt), a, 1e-13, 'reconstructed', norm(a));
  assertOrthonormal(found.u, 1e-13, 'U');
  const slow = await linalg.svdLowRank(random([60, 50], 33), { rank: 3, iterations: 60, seed: 5 });
  const whole = await linalg.svd(random([60, 50], 33));
  assertClose(slow.s, { shape: [3], data: whole.s.data.slice(0, 3) }, 1e-6, 's by iteration');
  const again = await linalg.svdLowRank(random([60, 50], 33), { rank: 3, iterations: 60, seed: 5 });
  assert.deepEqual(again, slow);
  await assert.rejects(linalg.svdLowRank(a, { rank: 81 }), /svdLowRank: Expected a rank from 1 to 80 but found 81/);
});
