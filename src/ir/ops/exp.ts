import { apply1, type Value } from '../graph.ts';
import { mul } from './mul.ts';
import { defineUnary } from './elementwise.ts';

export const expOp = defineUnary({
  name: 'exp',
  formula: 'y = e^x; overflows to infinity past 88.7 in f32',
  onnx: 'Exp',
  evaluate: Math.exp,
  gradient: (dy, _x, y) => mul(dy, y),
  extremes: [-200, -80, 0, 80, -Infinity],
});

/** y = e^x; overflows to infinity past 88.7 in f32. */
export function exp(x: Value): Value {
  return apply1(expOp, [x], {});
}
