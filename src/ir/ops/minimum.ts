import type { Value } from '../graph.ts';
import { applyBinary, defineBinary, type Operand } from './elementwise.ts';
import { equal } from './equal.ts';
import { less } from './less.ts';
import { mul } from './mul.ts';
import { where } from './where.ts';

/** 1 where a is the smaller, 1/2 where both are equal. */
const share = (a: Value, b: Value): Value => where(less(a, b), 1, where(equal(a, b), 0.5, 0));

export const minimumOp = defineBinary({
  name: 'minimum',
  formula: 'y = min(a, b); NaN where either is; equal operands share the gradient',
  onnx: 'Min',
  evaluate: Math.min,
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

/** The smaller of a and b. */
export function minimum(a: Operand, b: Operand): Value {
  return applyBinary(minimumOp, a, b);
}
