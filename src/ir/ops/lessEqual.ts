import type { Value } from '../graph.ts';
import { applyBinary, defineBinary, type Operand } from './elementwise.ts';

export const lessEqualOp = defineBinary({
  name: 'lessEqual',
  formula: 'y = (a <= b)',
  onnx: 'LessOrEqual',
  evaluate: (a, b) => (a <= b ? 1 : 0),
  result: 'bool',
  dtypes: ['f32', 'i32'],
  extremes: [
    [1, 1],
    [-Infinity, -Infinity],
    [Infinity, 0],
  ],
});

/** a <= b, as bool. */
export function lessEqual(a: Operand, b: Operand): Value {
  return applyBinary(lessEqualOp, a, b);
}
