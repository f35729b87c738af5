import type { Value } from '../graph.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { applyBinary, defineBinary, type Operand } from './elementwise.ts';

export const divOp = defineBinary({
  name: 'div',
  formula: 'y = a / b; IEEE at b = 0',
  onnx: 'Div',
  evaluate: (a, b) => a / b,
  result: 'same',
  dtypes: ['f32'],
  gradient: (dy, _a, b, y) => [() => div(dy, b), () => neg(div(mul(dy, y), b))],
  domain: (b) => (b < 0 ? b - 0.5 : b + 0.5),
  extremes: [
    [1, 0],
    [-1, 0],
    [0, 3],
    [1e30, 1e-8],
  ],
});

/** a / b. */
export function div(a: Operand, b: Operand): Value {
  return applyBinary(divOp, a, b);
}
