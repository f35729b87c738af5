import { apply1, type Value } from '../graph.ts';
import { defineUnary } from './elementwise.ts';

export const signOp = defineUnary({
  name: 'sign',
  formula: 'y = -1, 0 or 1 by the sign of x',
  onnx: 'Sign',
  evaluate: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0),
  extremes: [-Infinity, -1e-30, 0, 1e-30, Infinity],
});

/** -1, 0 or 1 by the sign of x. */
export function sign(x: Value): Value {
  return apply1(signOp, [x], {});
}
