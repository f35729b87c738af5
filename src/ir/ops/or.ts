import type { Value } from '../graph.ts';
import { applyBinary, defineBinary, type Operand } from './elementwise.ts';

export const orOp = defineBinary({
  name: 'or',
  formula: 'y = a or b',
  onnx: 'Or',
  evaluate: (a, b) => (a !== 0 || b !== 0 ? 1 : 0),
  result: 'bool',
  dtypes: ['bool'],
});

/** a or b, of bools. */
export function or(a: Operand, b: Operand): Value {
  return applyBinary(orOp, a, b);
}
