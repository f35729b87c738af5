import type { Value } from '../graph.ts';

import { applyBinary, defineBinary, type Operand } from './elementwise.ts';

export const lessOp = defineBinary({
  name: 'less',
  formula: 'y = (a < b)',
  onnx: 'Less',
  evaluate: (a, b) => (a < b ? 1 : 0),
  result: 'bool',
  dtypes: ['f32', 'i32'],
  extremes: [
    [1, 1],
    [-Infinity, 0],
    [0, Infinity],
  ],
});

/** a < b, as bool. */
export function less(a: Operand, b: Operand): Value {
  return applyBinary(lessOp, a, b);
}
