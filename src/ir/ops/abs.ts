import { apply1, type Value } from '../graph.ts';
import { mul } from './mul.ts';
import { sign } from './sign.ts';
import { stopGradient } from './stopGradient.ts';
import { defineUnary } from './elementwise.ts';

export const absOp = defineUnary({
  name: 'abs',
  formula: 'y = |x|; the gradient at 0 is 0',
  onnx: 'Abs',
  evaluate: Math.abs,
  gradient: (dy, x) => mul(dy, stopGradient(sign(x))),
  extremes: [-Infinity, -1e30, -0, 0, 1e-30, Infinity],
});

/** y = |x|; the gradient at 0 is 0. */
export function abs(x: Value): Value {
  return apply1(absOp, [x], {});
}
