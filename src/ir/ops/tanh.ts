import { apply1, type Value } from '../graph.ts';
import { mul } from './mul.ts';
import { sub } from './sub.ts';
import { defineUnary } from './elementwise.ts';

export const tanhOp = defineUnary({
  name: 'tanh',
  formula: 'y = tanh x',
  onnx: 'Tanh',
  evaluate: Math.tanh,
  gradient: (dy, _x, y) => mul(dy, sub(1, mul(y, y))),
  extremes: [-200, -10, 0, 10, 200],
});

/** y = tanh x. */
export function tanh(x: Value): Value {
  return apply1(tanhOp, [x], {});
}
