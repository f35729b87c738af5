import type { Value } from '../graph.ts';

import { applyBinary, defineBinary, type Operand } from './elementwise.ts';

export const andOp = defineBinary({
  name: 'and',
  formula: 'y = a and b',
  onnx: 'And',
  evaluate: (a, b) => (a !== 0 && b !== 0 ? 1 : 0),
  result: 'bool',
  dtypes: ['bool'],
});

/** a and b, of bools. */
export function and(a: Operand, b: Operand): Value {
  return applyBinary(andOp, a, b);
}
