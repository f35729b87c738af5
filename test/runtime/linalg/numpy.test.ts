import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runHere } from '../../../src/runtime/linalg/job.ts';
import { linearAlgebra } from '../../../src/runtime/linalg/service.ts';
import { add, assertClose, type Dense, identity, matrix, multiply, norm, transpose } from './matrices.ts';

interface Case {
  readonly name: string;
  readonly a: readonly (readonly number[])[];
  readonly b: readonly (readonly number[])[];
  readonly lstsq: readonly (readonly number[])[];
  readonly rank: number;
  readonly singularValues: readonly number[];
  readonly pinv: readonly (readonly number[])[];
  readonly absR: readonly (readonly number[])[];
  readonly eigenvalues?: readonly (readonly [number, number])[];
  readonly symmetricEigenvalues?: readonly number[];
  readonly cholesky?: readonly (readonly number[])[];
  readonly solve?: readonly (readonly number[])[];
}

const file = new URL('../../fixtures/linalg/numpy.json', import.meta.url);
const cases = JSON.parse(readFileSync(file, 'utf8')) as readonly Case[];
const linalg = linearAlgebra(runHere());
const dense = (rows: readonly (readonly number[])[]): Dense =>
  matrix(rows.length, rows[0]?.length ?? 0, (i, j) => rows[i]?.[j] ?? 0);
const vector = (values: readonly number[]): Dense => ({ shape: [values.length], data: Float64Array.from(values) });

for (const expected of cases) {
  test(`as numpy: ${expected.name}`, async () => {
    const [a, b] = [dense(expected.a), dense(expected.b)];
    const size = norm(a);
    assertClose(await linalg.svdvals(a), vector(expected.singularValues), 1e-14, 'singular values', size);
    // Errors of the pseudo-inverse grow with the square of its norm.
    const pinv = dense(expected.pinv);
    const sensitive = Math.max(1, norm(pinv) ** 2 * size);
    assertClose(await linalg.pinv(a), pinv, 1e-14, 'pinv', sensitive);
    const { x, ranks } = await linalg.lstsq(a, b);
    assertClose(x, dense(expected.lstsq), 1e-13, 'lstsq', sensitive);
    assert.deepEqual(ranks, [expected.rank]);
    const { r } = await linalg.qr(a);
    if (expected.rank === Math.min(...a.shape)) {
      assertClose({ ...r, data: r.data.map(Math.abs) }, dense(expected.absR), 1e-14, '|R|', size);
    }
    if (!expected.eigenvalues || !expected.symmetricEigenvalues || !expected.cholesky || !expected.solve) return;

    const { re, im } = await linalg.eigvals(a);
    const left = [...expected.eigenvalues];
    // A defective eigenvalue of multiplicity k moves by ε^(1/k).
    const tolerance = expected.name === 'Jordan block' ? 1e-3 : expected.name === 'rank 2' ? 1e-6 : 1e-12;
    re.data.forEach((value, i) => {
      const distances = left.map(([p, q]) => Math.hypot(p - value, q - (im.data[i] ?? 0)));
      const nearest = distances.indexOf(Math.min(...distances));
      assert.ok((distances[nearest] ?? 1) <= tolerance * size, `eigenvalue ${value} is ${distances[nearest]} away`);
      left.splice(nearest, 1);
    });
    assertClose(
      await linalg.eigvalsh(add(a, transpose(a))),
      vector(expected.symmetricEigenvalues),
      1e-14,
      'eigvalsh',
      size,
    );
    const gram = add(multiply(a, transpose(a)), identity(a.shape[0] ?? 0));
    assertClose(await linalg.cholesky(gram), dense(expected.cholesky), 1e-13, 'cholesky', norm(gram));
    assertClose(await linalg.solve(gram, b), dense(expected.solve), 1e-12, 'solve', norm(b));
  });
}
