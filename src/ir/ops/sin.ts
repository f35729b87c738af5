import { apply1, type Value } from '../graph.ts';
import { cos } from './cos.ts';
import { mul } from './mul.ts';
import { defineUnary } from './elementwise.ts';

export const sinOp = defineUnary({
  name: 'sin',
  formula: 'y = sin x, x in radians; the argument is reduced in f32, so beyond |x| of about 1e4 engines may differ',
  onnx: 'Sin',
  evaluate: Math.sin,
  gradient: (dy, x) => mul(dy, cos(x)),
  extremes: [-100, -Math.PI, 0, 1e-20, Math.PI / 2, 100],
});

/** sin x, x in radians. */
export function sin(x: Value): Value {
  return apply1(sinOp, [x], {});
}
