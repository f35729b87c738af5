import type { Value } from '../graph.ts';

import { applyBinary, defineBinary, type Operand } from './elementwise.ts';

export const addOp = defineBinary({
  name: 'add',
  formula: 'y = a + b',
  onnx: 'Add',
  evaluate: (a, b) => a + b,
  result: 'same',
  dtypes: ['f32', 'i32'],
  gradient: (dy) => [() => dy, () => dy],
});

/** a + b. */
export function add(a: Operand, b: Operand): Value {
  return applyBinary(addOp, a, b);
}
