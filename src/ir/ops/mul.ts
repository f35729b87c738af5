import type { Value } from '../graph.ts';

import { applyBinary, defineBinary, type Operand } from './elementwise.ts';

export const mulOp = defineBinary({
  name: 'mul',
  formula: 'y = a b',
  onnx: 'Mul',
  evaluate: (a, b) => a * b,
  result: 'same',
  dtypes: ['f32', 'i32'],
  gradient: (dy, a, b) => [() => mul(dy, b), () => mul(dy, a)],
});

/** a b, elementwise. */
export function mul(a: Operand, b: Operand): Value {
  return applyBinary(mulOp, a, b);
}
