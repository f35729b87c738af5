import { apply1, type Value } from '../graph.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { sin } from './sin.ts';
import { defineUnary } from './elementwise.ts';

export const cosOp = defineUnary({
  name: 'cos',
  formula: 'y = cos x, x in radians; the argument is reduced in f32, so beyond |x| of about 1e4 engines may differ',
  onnx: 'Cos',
  evaluate: Math.cos,
  gradient: (dy, x) => neg(mul(dy, sin(x))),
  extremes: [-100, -Math.PI, 0, 1e-20, Math.PI / 2, 100],
});

/** cos x, x in radians. */
export function cos(x: Value): Value {
  return apply1(cosOp, [x], {});
}
