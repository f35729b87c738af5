import { apply1, type Value } from '../graph.ts';
import { less } from './less.ts';
import { where } from './where.ts';
import { defineUnary } from './elementwise.ts';

export const reluOp = defineUnary({
  name: 'relu',
  formula: 'y = max(x, 0); the gradient at 0 is 0',
  onnx: 'Relu',
  evaluate: (x) => Math.max(x, 0),
  gradient: (dy, x) => where(less(0, x), dy, 0),
  extremes: [-Infinity, -1, 0, 1, Infinity],
});

/** max(x, 0). */
export function relu(x: Value): Value {
  return apply1(reluOp, [x], {});
}
