import { dense, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { type Dense, dimAt, formatShape, sameShape, type Shape, sizeOf } from '../types.ts';
import { abs } from './abs.ts';
import { add } from './add.ts';
import { arange } from './arange.ts';
import { argmax } from './argmax.ts';
import { concat } from './concat.ts';
import { constant, scalar } from './constant.ts';
import { div } from './div.ts';
import type { NoAttrs } from './elementwise.ts';
import { less } from './less.ts';
import { matmul } from './matmul.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { oneHot } from './oneHot.ts';
import { reshape } from './reshape.ts';
import { slice } from './slice.ts';
import { sub } from './sub.ts';
import { sum } from './reduceSum.ts';
import { transposeLast } from './transpose.ts';
import { where } from './where.ts';
import { requireF32 } from './requireF32.ts';

/** Gauss-Jordan elimination with partial pivoting, one step per column (Golub & Van Loan 2013, §3.4). */
function eliminate(a: Value, b: Value): Value {
  const n = dimAt(a.type.shape, -1);
  const batch = a.type.shape.slice(0, -2);
  const places = reshape(arange(n), [n, 1]);
  let rows = concat([a, b], -1);
  // Rows are chosen by factors of 0 and 1, which rounds nothing; a bool that is computed stops WebGPU.
  const choose = (mask: Value, chosen: Value, others: Value): Value =>
    add(mul(mask, chosen), mul(sub(1, mask), others));
  for (let k = 0; k < n; k++) {
    const unit = constant(
      'f32',
      [n, 1],
      Float64Array.from({ length: n }, (_, i) => (i === k ? 1 : 0)),
    );
    const column = slice(rows, -1, k, k + 1);
    // The largest of the column among the rows not used yet.
    const free = where(less(places, constant('i32', [], [k])), scalar(-1), abs(column));
    const pivot = reshape(oneHot(argmax(reshape(free, [...batch, n])), n), [...batch, n, 1]);
    const pivotRow = sum(mul(pivot, rows), [-2], true);
    // Row k goes where the pivot row was.
    const swapped = choose(pivot, slice(rows, -2, k, k + 1), rows);
    const scaled = div(pivotRow, slice(pivotRow, -1, k, k + 1));
    // Every other row loses its share of the pivot row; row k becomes the scaled one.
    rows = choose(unit, scaled, sub(swapped, mul(slice(swapped, -1, k, k + 1), scaled)));
  }
  return slice(rows, -1, n, dimAt(rows.type.shape, -1));
}

export const solveOp: Op<NoAttrs> = defineOp<NoAttrs>({
  name: 'solve',
  formula:
    'X with A X = B for square A […, n, n], B […, n, m], by elimination in n steps; not finite where A is singular',
  infer: (inputs) => {
    requireF32(inputs);
    const [a, b] = [required(inputs, 0), required(inputs, 1)];
    const n = dimAt(a.shape, -1);
    if (a.shape.length < 2 || dimAt(a.shape, -2) !== n)
      throw new RangeError(`Expected A […, n, n] but found ${formatShape(a.shape)}`);
    if (!sameShape(b.shape.slice(0, -1), a.shape.slice(0, -1))) {
      throw new RangeError(
        `Expected B ${formatShape(a.shape.slice(0, -1))} with columns but found ${formatShape(b.shape)}`,
      );
    }
    return [b];
  },
  vjp: ({ cotangents, inputs, outputs, needs }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const db = solve(transposeLast(required(inputs, 0)), dy);
    return [
      needs[0] ? neg(matmul(db, required(outputs, 0), { transposeB: true })) : undefined,
      needs[1] ? db : undefined,
    ];
  },
  decompose: (inputs) => [eliminate(required(inputs, 0), required(inputs, 1))],
  samples: () => [
    { name: 'one matrix', attrs: {}, inputs: [dominant([3, 3], 1), normal([3, 2], 2)], tolerance: 1e-5 },
    { name: 'batch', attrs: {}, inputs: [dominant([2, 2, 5, 5], 3), normal([2, 2, 5, 1], 4)], tolerance: 1e-5 },
    { name: '1 by 1', attrs: {}, inputs: [dense('f32', [1, 1], [-4]), normal([1, 3], 5)] },
    {
      name: 'zero on the diagonal',
      attrs: {},
      inputs: [dense('f32', [3, 3], [0, 2, 1, 1, 0, 3, 4, 1, 0]), normal([3, 2], 6)],
      tolerance: 1e-5,
    },
  ],
});

/** A well-conditioned sample that is not symmetric. */
function dominant(shape: Shape, seed: number): Dense {
  const n = dimAt(shape, -1);
  const noise = normal(shape, seed, 0.4);
  return dense(
    'f32',
    shape,
    Float64Array.from({ length: sizeOf(shape) }, (_, i) =>
      Math.fround((noise.data[i] ?? 0) + ((i % (n * n)) % (n + 1) === 0 ? 2 : 0)),
    ),
  );
}

/** X with A X = B for small A […, n, n] and B […, n, m]: the program grows with n, so keep n below about 100. */
export function solve(a: Value, b: Value): Value {
  return apply1(solveOp, [a, b], {});
}
