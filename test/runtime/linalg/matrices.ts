import assert from 'node:assert/strict';
import { fillNormal, randomKey } from '../../../src/ir/random.ts';
import type { MatrixInput } from '../../../src/runtime/linalg/service.ts';

export type Dense = MatrixInput<Float64Array>;
export type Single = MatrixInput<Float32Array>;

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export function random(shape: readonly number[], seed: number): Dense {
  const noise = new Float32Array(sizeOf(shape));
  fillNormal(noise, randomKey(seed, 'linalg test'));
  return { shape, data: Float64Array.from(noise) };
}

export const matrix = (m: number, n: number, entry: (i: number, j: number) => number): Dense => ({
  shape: [m, n],
  data: Float64Array.from({ length: m * n }, (_, at) => entry(Math.floor(at / n), at % n)),
});

export const single = ({ shape, data }: Dense): Single => ({ shape, data: Float32Array.from(data) });
export const double = ({ shape, data }: MatrixInput<Float32Array | Float64Array>): Dense => ({
  shape,
  data: Float64Array.from(data),
});
export const identity = (n: number): Dense => matrix(n, n, (i, j) => (i === j ? 1 : 0));
export const diagonal = (values: ArrayLike<number>): Dense =>
  matrix(values.length, values.length, (i, j) => (i === j ? (values[i] ?? 0) : 0));

const entry = ({ shape, data }: Dense, i: number, j: number): number => data[i * (shape[1] ?? 0) + j] ?? 0;
export const transpose = (a: Dense): Dense => matrix(a.shape[1] ?? 0, a.shape[0] ?? 0, (i, j) => entry(a, j, i));

export function multiply(a: Dense, b: Dense): Dense {
  const [m = 0, k = 0] = a.shape;
  const n = b.shape[1] ?? 0;
  const data = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < k; p++) {
      const factor = a.data[i * k + p] ?? 0;
      for (let j = 0; j < n; j++) data[i * n + j] = (data[i * n + j] ?? 0) + factor * (b.data[p * n + j] ?? 0);
    }
  }
  return { shape: [m, n], data };
}

export const add = (a: Dense, b: Dense): Dense => ({
  shape: a.shape,
  data: a.data.map((x, i) => x + (b.data[i] ?? 0)),
});
export const scaled = (a: Dense, factor: number): Dense => ({ shape: a.shape, data: a.data.map((x) => x * factor) });
export const norm = (a: Dense): number => Math.sqrt(a.data.reduce((sum, x) => sum + x * x, 0));

/** |found - expected| in Frobenius norm, beside `scale`. */
export function assertClose(found: Dense, expected: Dense, tolerance: number, what: string, scale = 1): void {
  assert.deepEqual(found.shape, expected.shape, what);
  const error = norm(add(found, scaled(expected, -1))) / (scale === 0 ? 1 : scale);
  assert.ok(error <= tolerance, `${what}: ${error} > ${tolerance}`);
}

export const assertOrthonormal = (columns: Dense, tolerance: number, what: string): void =>
  assertClose(multiply(transpose(columns), columns), identity(columns.shape[1] ?? 0), tolerance, `${what} orthonormal`);
