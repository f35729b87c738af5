import type { Value } from '../graph.ts';

import { applyBinary, defineBinary, type Operand } from './elementwise.ts';

export const equalOp = defineBinary({
  name: 'equal',
  formula: 'y = (a = b)',
  onnx: 'Equal',
  evaluate: (a, b) => (a === b ? 1 : 0),
  result: 'bool',
  dtypes: ['f32', 'i32'],
});

/** a = b, as bool. */
export function equal(a: Operand, b: Operand): Value {
  return applyBinary(equalOp, a, b);
}
