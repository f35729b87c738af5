import type { Value } from '../graph.ts';
import { neg } from './neg.ts';
import { applyBinary, defineBinary, type Operand } from './elementwise.ts';

export const subOp = defineBinary({
  name: 'sub',
  formula: 'y = a - b',
  onnx: 'Sub',
  evaluate: (a, b) => a - b,
  result: 'same',
  dtypes: ['f32', 'i32'],
  gradient: (dy) => [() => dy, () => neg(dy)],
});

/** a - b. */
export function sub(a: Operand, b: Operand): Value {
  return applyBinary(subOp, a, b);
}
