import { dense } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { type Dense, dimAt, formatShape } from '../types.ts';
import { add } from './add.ts';
import { arange } from './arange.ts';
import { concat } from './concat.ts';
import { constant } from './constant.ts';
import { div } from './div.ts';
import type { NoAttrs } from './elementwise.ts';
import { less } from './less.ts';
import { matmul } from './matmul.ts';
import { mul } from './mul.ts';
import { oneHot } from './oneHot.ts';
import { reshape } from './reshape.ts';
import { slice } from './slice.ts';
import { solve } from './solve.ts';
import { sqrt } from './sqrt.ts';
import { sub } from './sub.ts';
import { transposeLast } from './transpose.ts';
import { tril } from './tril.ts';
import { where } from './where.ts';
import { requireF32 } from './requireF32.ts';

/** The lower triangle with half the diagonal. */
const halved = (x: Value): Value => {
  const n = dimAt(x.type.shape, -1);
  return mul(tril(x), sub(1, mul(oneHot(arange(n), n), 0.5)));
};

/** One column per step, its outer product taken off what is left (Golub & Van Loan 2013, §4.2.5). */
function factor(a: Value): Value {
  const n = dimAt(a.type.shape, -1);
  const rows = reshape(arange(n), [n, 1]);
  let rest = a;
  const columns: Value[] = [];
  for (let k = 0; k < n; k++) {
    const column = slice(rest, -1, k, k + 1);
    const below = where(less(rows, constant('i32', [], [k])), 0, div(column, sqrt(slice(column, -2, k, k + 1))));
    columns.push(below);
    if (k + 1 < n) rest = sub(rest, matmul(below, below, { transposeB: true }));
  }
  return concat(columns, -1);
}

export const choleskyOp = defineOp<NoAttrs>({
  name: 'cholesky',
  formula:
    'lower triangular L with L Lᵀ = A for positive definite A […, n, n], of which the lower triangle is read; NaN where A is not positive definite',
  infer: (inputs) => {
    requireF32(inputs);
    const a = required(inputs, 0);
    if (a.shape.length < 2 || dimAt(a.shape, -2) !== dimAt(a.shape, -1)) {
      throw new RangeError(`Expected A […, n, n] but found ${formatShape(a.shape)}`);
    }
    return [a];
  },
  // S = L⁻ᵀ Φ(Lᵀ dL) L⁻¹ and dA = Φ(S + Sᵀ), Φ the lower triangle with half the diagonal (Murray 2016, arXiv:1602.07527, eq. 9).
  vjp: ({ cotangents, outputs }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const upper = transposeLast(required(outputs, 0));
    const inner = halved(matmul(upper, dy));
    const s = solve(upper, transposeLast(solve(upper, inner)));
    return [halved(add(s, transposeLast(s)))];
  },
  decompose: (inputs) => [factor(required(inputs, 0))],
  samples: () => [
    {
      name: 'one matrix',
      attrs: {},
      inputs: [dense('f32', [3, 3], [4, 1, 0.5, 1, 3, -1, 0.5, -1, 5])],
      tolerance: 1e-5,
    },
    { name: 'batch', attrs: {}, inputs: [pair], tolerance: 1e-5 },
    { name: '1 by 1', attrs: {}, inputs: [dense('f32', [1, 1], [9])] },
  ],
});

const pair: Dense = dense('f32', [2, 2, 2], [2, 0.25, 0.25, 1, 1, -0.5, -0.5, 4]);

/** Lower triangular L with L Lᵀ = A for small positive definite A […, n, n]: the program grows with n. */
export function cholesky(a: Value): Value {
  return apply1(choleskyOp, [a], {});
}
