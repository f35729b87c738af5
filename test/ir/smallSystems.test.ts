import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dense, f32 } from '../../src/ir/dense.ts';
import { gradients } from '../../src/ir/grad.ts';
import { buildGraph, input, type Value } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { arange } from '../../src/ir/ops/arange.ts';
import { cholesky } from '../../src/ir/ops/cholesky.ts';
import { inverse } from '../../src/ir/ops/inverse.ts';
import { matmul } from '../../src/ir/ops/matmul.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { oneHot } from '../../src/ir/ops/oneHot.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { solve } from '../../src/ir/ops/solve.ts';
import { type Dense, sizeOf } from '../../src/ir/types.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { readFixture, relativeError } from '../parity.ts';
import { fastEngines } from '../runtime/engines.ts';

/** All elements of a small result, or two numbers of a large one. */
type Told = readonly number[] | { readonly norm: number; readonly product: number };

interface Case {
  readonly name: string;
  readonly shape: readonly number[];
  readonly a?: readonly number[];
  readonly solve: Readonly<Record<string, Told>>;
  readonly inverse: Readonly<Record<string, Told>>;
  readonly cholesky: Readonly<Record<string, Told>>;
}

const { cases } = readFixture('linalg/graphs.json') as { readonly cases: readonly Case[] };

const cosines = (count: number): Float64Array => Float64Array.from({ length: count }, (_, i) => Math.cos(i));

/** The matrix of the oracle's formula. */
function formula(shape: readonly number[]): Float64Array {
  const n = shape.at(-1) ?? 1;
  return Float64Array.from({ length: sizeOf(shape) }, (_, place) => {
    const [b, i, j] = [Math.floor(place / (n * n)), Math.floor(place / n) % n, place % n];
    return Math.cos(0.7 * i + 1.3 * j + 0.3 * i * j + 2 * b) + (i + j + 1 === n ? 4 : 0);
  });
}

function errorOf(found: ArrayLike<number>, told: Told): number {
  if (!('norm' in told)) return relativeError(found, told);
  let [square, product] = [0, 0];
  for (let i = 0; i < found.length; i++) {
    square += (found[i] ?? 0) ** 2;
    product += (found[i] ?? 0) * Math.cos(i);
  }
  // A sum of signs: its error is that of the norm.
  return Math.max(Math.abs(Math.sqrt(square) - told.norm), Math.abs(product - told.product)) / told.norm;
}

const functions = {
  solve: (a: Value, b: Value) => solve(a, b),
  inverse: (a: Value) => inverse(a),
  cholesky: (a: Value) => {
    const n = a.type.shape.at(-1) ?? 1;
    return cholesky(add(matmul(a, a, { transposeB: true }), oneHot(arange(n), n)));
  },
} as const;

for (const each of cases) {
  for (const [name, f] of Object.entries(functions)) {
    test(`${name}, ${each.name}: values and gradients are LAPACK's, in f32 as far as the matrix allows`, async () => {
      const { shape } = each;
      const [a, b] = [input('a', 'f32', shape), input('b', 'f32', [...shape.slice(0, -1), 2])];
      const y = f(a, b);
      const loss = sum(mul(y, input('dy', 'f32', y.type.shape)));
      const [da, db] = gradients(loss, [a, b]) as [Value, Value];
      const graph = buildGraph({ y, da, ...(name === 'solve' && { db }) });
      const sines = Float64Array.from({ length: sizeOf(b.type.shape) }, (_, i) => Math.sin(i));
      const feeds: Readonly<Record<string, Dense>> = {
        a: f32(shape, each.a ?? formula(shape)),
        b: f32(b.type.shape, sines),
        dy: dense('f32', y.type.shape, cosines(sizeOf(y.type.shape))),
      };
      const used = Object.fromEntries(graph.leaves.map((leaf) => [leaf.name, feeds[leaf.name] ?? assert.fail()]));
      const expected = each[name as keyof typeof functions];
      const exact = evaluate(graph, used);
      for (const [key, told] of Object.entries(expected)) {
        const error = errorOf(exact[key]?.data ?? [], told);
        assert.ok(error < 1e-10, `${key}: relative error ${error}`);
      }
      for (const engine of fastEngines) {
        const program = await engine.load(graph);
        const fed = Object.entries(used).map(([key, x]) => [key, tensor(x.dtype, x.shape, x.data)]);
        const found = await program.run(Object.fromEntries(fed));
        program.release();
        for (const [key, { data }] of Object.entries(exact)) {
          const error = relativeError(found[key]?.data ?? [], data);
          assert.ok(error < (each.name === 'Hilbert' ? 1e-3 : 5e-5), `${engine.name}: ${key}: relative error ${error}`);
        }
      }
    });
  }
}
