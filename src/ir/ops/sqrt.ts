import { apply1, type Value } from '../graph.ts';
import { div } from './div.ts';
import { mul } from './mul.ts';
import { defineUnary } from './elementwise.ts';

export const sqrtOp = defineUnary({
  name: 'sqrt',
  formula: 'y = x^(1/2)',
  onnx: 'Sqrt',
  evaluate: Math.sqrt,
  gradient: (dy, _x, y) => div(mul(dy, 0.5), y),
  domain: (x) => Math.abs(x) + 0.1,
  extremes: [0, 1e-30, 1e30],
});

/** y = x^(1/2). */
export function sqrt(x: Value): Value {
  return apply1(sqrtOp, [x], {});
}
