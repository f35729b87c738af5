import type { Value } from '../graph.ts';
import { applyBinary, defineBinary, type Operand } from './elementwise.ts';
import { equal } from './equal.ts';
import { less } from './less.ts';
import { mul } from './mul.ts';
import { where } from './where.ts';

/** 1 where a is the larger, 1/2 where both are equal. */
const share = (a: Value, b: Value): Value => where(less(b, a), 1, where(equal(a, b), 0.5, 0));

export const maximumOp = defineBinary({
  name: 'maximum',
  formula: 'y = max(a, b); NaN where either is; equal operands share the gradient',
  onnx: 'Max',
  evaluate: Math.max,
  result: 'same',
  dtypes: ['f32', 'i32'],
  gradient: (dy, a, b) => [() => mul(dy, share(a, b)), () => mul(dy, share(b, a))],
  extremes: [
    [1, 1],
    [-Infinity, 0],
    [0, Infinity],
    [1e30, -1e30],
  ],
});

/** The larger of a and b. */
export function maximum(a: Operand, b: Operand): Value {
  return applyBinary(maximumOp, a, b);
}
