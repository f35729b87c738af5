import { apply1, type Value } from '../graph.ts';
import { mul } from './mul.ts';
import { sub } from './sub.ts';
import { defineUnary } from './elementwise.ts';

export const sigmoidOp = defineUnary({
  name: 'sigmoid',
  formula: 'y = 1 / (1 + e^-x)',
  onnx: 'Sigmoid',
  evaluate: (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  gradient: (dy, _x, y) => mul(dy, mul(y, sub(1, y))),
  extremes: [-200, -30, 0, 30, 200],
});

/** y = 1 / (1 + e^-x). */
export function sigmoid(x: Value): Value {
  return apply1(sigmoidOp, [x], {});
}
