import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runHere } from '../../../src/runtime/linalg/job.ts';
import { linearAlgebra } from '../../../src/runtime/linalg/service.ts';
import {
  add,
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
const symmetric = (n: number, seed: number): Dense => {
  const a = random([n, n], seed);
  return scaled(add(a, transpose(a)), 0.5);
};
const positive = (n: number, seed: number): Dense => {
  const a = random([n, n], seed);
  return add(multiply(a, transpose(a)), identity(n));
};

const wilkinson = matrix(21, 21, (i, j) => (i === j ? Math.abs(i - 10) : Math.abs(i - j) === 1 ? 1 : 0));
const hard: Record<string, Dense> = {
  zero: matrix(33, 33, () => 0),
  identity: identity(33),
  ones: matrix(40, 40, () => 1),
  'Wilkinson W21+': wilkinson,
  '1e-300': scaled(symmetric(20, 3), 1e-300),
  '1e300': scaled(symmetric(20, 4), 1e300),
  graded: matrix(30, 30, (i, j) => 10 ** -(i + j)),
  'rank 2': multiply(random([35, 2], 5), transpose(random([35, 2], 5))),
};
for (const n of [1, 2, 3, 17, 32, 33, 70, 130]) hard[`random ${n}`] = symmetric(n, n);

for (const [name, a] of Object.entries(hard)) {
  test(`eigh: ${name}`, async () => {
    const { values, vectors } = await linalg.eigh(a);
    const largest = Math.max(...values.data.map(Math.abs)) || 1;
    const n = a.shape[0] ?? 0;
    const back = multiply(multiply(vectors, scaled(diagonal(values.data), 1 / largest)), transpose(vectors));
    assertClose(back, scaled(a, 1 / largest), 1e-13 * Math.sqrt(n), 'reconstructed');
    assertOrthonormal(vectors, 1e-13, 'vectors');
    for (let i = 1; i < n; i++) assert.ok((values.data[i - 1] ?? 0) <= (values.data[i] ?? 0), 'ascends');
    const alone = await linalg.eigvalsh(a);
    alone.data.forEach((value, i) =>
      assert.ok(Math.abs(value - (values.data[i] ?? 0)) <= 1e-13 * largest, `value ${i}`),
    );
  });
}

test('eigh of f32 has the accuracy of f32 and takes rounding for symmetry', async () => {
  const a = single(symmetric(60, 8));
  a.data[1] = (a.data[1] ?? 0) * (1 + 2e-7);
  const { values, vectors } = await linalg.eigh(a);
  assert.ok(vectors.data instanceof Float32Array);
  const v = double(vectors);
  assertClose(
    multiply(multiply(v, diagonal(values.data)), transpose(v)),
    double(a),
    1e-6,
    'reconstructed',
    norm(double(a)),
  );
});

for (const [m, n] of [
  [1, 1],
  [1, 4],
  [4, 1],
  [5, 3],
  [3, 5],
  [33, 70],
  [70, 33],
  [64, 64],
  [100, 40],
] as const) {
  test(`qr, pinv and lstsq of [${m}, ${n}]`, async () => {
    const a = random([m, n], 7 * m + n);
    for (const full of [false, true]) {
      const { q, r } = await linalg.qr(a, { full });
      assertClose(multiply(q, r), a, 1e-14, 'Q R', norm(a));
      assertOrthonormal(q, 1e-13, 'Q');
      const width = r.shape[0] ?? 0;
      for (let i = 0; i < width; i++) {
        for (let j = 0; j < Math.min(i, n); j++) assert.equal(Math.abs(r.data[i * n + j] ?? 1), 0);
        if (i < Math.min(m, n)) assert.ok((r.data[i * n + i] ?? -1) >= 0);
      }
    }
    const p = await linalg.pinv(a);
    assertClose(multiply(multiply(a, p), a), a, 1e-13, 'A A⁺ A', norm(a));
    assertClose(multiply(multiply(p, a), p), p, 1e-12, 'A⁺ A A⁺', norm(p));
    const b = random([m, 2], 3);
    const { x, ranks } = await linalg.lstsq(a, b);
    assertClose(x, multiply(p, b), 1e-12, 'lstsq', norm(p));
    assert.deepEqual(ranks, [Math.min(m, n)]);
  });
}

test('qr of dependent columns and of graded ones', async () => {
  for (const a of [
    multiply(random([50, 2], 1), random([2, 40], 2)),
    matrix(40, 40, (i, j) => Math.sin(i * j + 1) * 10 ** (-8 * j)),
    matrix(5, 5, () => 0),
  ]) {
    const { q, r } = await linalg.qr(a);
    assertClose(multiply(q, r), a, 1e-14, 'Q R', norm(a));
    assertOrthonormal(q, 1e-13, 'Q');
  }
});

for (const n of [1, 2, 5, 32, 33, 100]) {
  test(`solve, inverse and cholesky of size ${n}`, async () => {
    const a = add(random([n, n], n), scaled(identity(n), 2 * Math.sqrt(n)));
    const b = random([n, 3], n + 1);
    assertClose(multiply(a, await linalg.solve(a, b)), b, 1e-12, 'A X', norm(b));
    assertClose(multiply(a, await linalg.inverse(a)), identity(n), 1e-12, 'A A⁻¹');
    const vector = { shape: [n], data: b.data.slice(0, n) };
    assert.deepEqual((await linalg.solve(a, vector)).shape, [n]);
    const spd = positive(n, n);
    const l = await linalg.cholesky(spd);
    assertClose(multiply(l, transpose(l)), spd, 1e-14, 'L Lᵀ', norm(spd));
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) assert.equal(l.data[i * n + j], 0);
  });
}

test('solve where pivots are needed, and at the ends of the exponents', async () => {
  const swap = matrix(3, 3, (i, j) => [0, 2, 1, 1, 0, 3, 4, 1, 0][3 * i + j] ?? 0);
  assertClose(multiply(swap, await linalg.inverse(swap)), identity(3), 1e-15, 'A A⁻¹');
  for (const factor of [1e-200, 1e200]) {
    const a = scaled(swap, factor);
    assertClose(multiply(a, await linalg.inverse(a)), identity(3), 1e-15, `times ${factor}`);
    const l = await linalg.cholesky(scaled(positive(10, 1), factor));
    assertClose(
      scaled(multiply(scaled(l, 1 / Math.sqrt(factor)), transpose(scaled(l, 1 / Math.sqrt(factor)))), 1),
      positive(10, 1),
      1e-13,
      'L Lᵀ',
      100,
    );
  }
});

test('eigvals of matrices whose eigenvalues are known', async () => {
  const values = [9, 5, 4, 2.5, -1, 0.5, 0.125];
  const x = add(random([7, 7], 1), scaled(identity(7), 5));
  const similar = multiply(multiply(x, diagonal(values)), await linalg.inverse(x));
  const { re, im } = await linalg.eigvals(similar);
  assertClose(re, { shape: [7], data: Float64Array.from(values) }, 1e-12, 'real');
  assert.ok(im.data.every((value) => value === 0));
  const n = 24;
  const cycle = await linalg.eigvals(matrix(n, n, (i, j) => ((j + 1) % n === i ? 1 : 0)));
  for (let i = 0; i < n; i++) {
    const [a, b] = [cycle.re.data[i] ?? 0, cycle.im.data[i] ?? 0];
    assert.ok(Math.abs(a * a + b * b - 1) < 1e-13);
    assert.ok(Math.abs(Math.cos(n * Math.atan2(b, a)) - 1) < 1e-12, 'a root of unity');
  }
});

test('eigvals keep trace and the trace of the square', async () => {
  for (const n of [1, 2, 3, 10, 61]) {
    const a = random([n, n], n);
    const { re, im } = await linalg.eigvals(a);
    const trace = (of: Dense): number =>
      Array.from({ length: n }, (_, i) => of.data[i * (n + 1)] ?? 0).reduce((p, q) => p + q, 0);
    const sum = re.data.reduce((p, q) => p + q, 0);
    const squares = re.data.reduce((p, q, i) => p + q * q - (im.data[i] ?? 0) ** 2, 0);
    assert.ok(
      Math.abs(sum - trace(a)) < 1e-12 * n && Math.abs(squares - trace(multiply(a, a))) < 1e-11 * n * n,
      `${n}`,
    );
    assert.ok(Math.abs(im.data.reduce((p, q) => p + q, 0)) < 1e-12, 'pairs');
  }
});

test('matrices without entries', async () => {
  const empty = (m: number, n: number): Dense => ({ shape: [m, n], data: new Float64Array(0) });
  const shapes = [
    (await linalg.qr(empty(0, 3))).r.shape,
    (await linalg.qr(empty(3, 0), { full: true })).q.shape,
    (await linalg.eigh(empty(0, 0))).vectors.shape,
    (await linalg.eigvals(empty(0, 0))).re.shape,
    (await linalg.solve(empty(0, 0), empty(0, 2))).shape,
    (await linalg.cholesky(empty(0, 0))).shape,
    (await linalg.pinv(empty(0, 3))).shape,
  ];
  assert.deepEqual(shapes, [[0, 3], [3, 3], [0, 0], [0], [0, 2], [0, 0], [3, 0]]);
  assert.deepEqual((await linalg.lstsq(empty(0, 3), empty(0, 2))).x.data, new Float64Array(6));
});

const small = (values: readonly number[], type: 'f32' | 'f64' = 'f64') => {
  const n = Math.sqrt(values.length);
  return { shape: [n, n], data: type === 'f32' ? Float32Array.from(values) : Float64Array.from(values) };
};
const refusals: readonly (readonly [string, () => Promise<unknown>, RegExp])[] = [
  [
    'not finite',
    () => linalg.svd(small([1, 2, Number.NaN, 4])),
    /^svd: Expected finite entries but found NaN at \[1, 0\]$/,
  ],
  [
    'not finite in a batch',
    () => linalg.inverse({ shape: [2, 1, 1], data: new Float64Array([1, Infinity]) }),
    /^inverse, matrix 1: Expected finite entries but found Infinity at \[0, 0\]$/,
  ],
  [
    'not symmetric',
    () => linalg.eigh(small([1, 2, 3, 4])),
    /^eigh: Expected a symmetric matrix but found 3 at \[1, 0\] and 2 at \[0, 1\]$/,
  ],
  [
    'not positive definite',
    () => linalg.cholesky(small([4, 2, 0, 2, 1, 0, 0, 0, 5])),
    /^cholesky: Expected a positive definite matrix but found the pivot 0 in column 1$/,
  ],
  [
    'indefinite',
    () => linalg.cholesky(small([1, 2, 2, 1])),
    /^cholesky: Expected a positive definite matrix but found the pivot -3 in column 1$/,
  ],
  [
    'singular',
    () => linalg.solve(small([1, 2, 2, 4]), small([1, 0, 0, 1])),
    /^solve: Expected an invertible matrix but found no pivot for column 1$/,
  ],
  [
    'overflow',
    () => linalg.inverse(small([1e-39, 0, 0, 1], 'f32')),
    /^inverse: Expected x within the range of f32 but found Infinity$/,
  ],
  ['not square', () => linalg.eigvals(random([2, 3], 1)), /^eigvals: Expected square matrices but found \[2, 3\]$/],
  ['not a matrix', () => linalg.qr(random([3], 1)), /^qr: Expected matrices \[…, m, n\] but found \[3\]$/],
  [
    'elements',
    () => linalg.svd({ shape: [2, 2], data: new Float32Array(3) }),
    /^svd: Expected 4 elements for \[2, 2\] but found 3$/,
  ],
  [
    'rows of B',
    () => linalg.solve(random([3, 3], 1), random([2, 3], 2)),
    /^solve: Expected B \[3\] with or without columns but found \[2, 3\]$/,
  ],
  [
    'right-hand sides',
    () => linalg.lstsq(small([1, 0, 0, 1]), small([1, 0, Infinity, 1])),
    /^lstsq: Expected finite right-hand sides but found Infinity at \[1, 0\]$/,
  ],
];
for (const [name, call, message] of refusals) {
  test(`refused: ${name}`, async () => {
    await assert.rejects(
      call(),
      (error: Error) => (error instanceof RangeError && message.test(error.message)) || assert.fail(error.message),
    );
  });
}

test('refused: two dtypes, integers', async () => {
  const mixed: (a: object, b: object) => Promise<unknown> = linalg.solve as never;
  await assert.rejects(mixed(small([1]), small([1], 'f32')), /TypeError.*solve: Expected A and B of one dtype/s);
  const integers: (a: object) => Promise<unknown> = linalg.svd as never;
  await assert.rejects(
    integers({ shape: [1, 1], data: new Int32Array(1) }),
    /TypeError.*Expected f32 or f64 but found \[object Int32Array\]/s,
  );
});
