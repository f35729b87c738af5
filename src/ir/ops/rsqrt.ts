import { apply1, type Value } from '../graph.ts';
import { mul } from './mul.ts';
import { defineUnary } from './elementwise.ts';

export const rsqrtOp = defineUnary({
  name: 'rsqrt',
  formula: 'y = x^(-1/2); infinity at 0',
  onnx: (emit, x) => emit.node('Reciprocal', [emit.node('Sqrt', [x])]),
  evaluate: (x) => 1 / Math.sqrt(x),
  gradient: (dy, _x, y) => mul(dy, mul(mul(y, mul(y, y)), -0.5)),
  domain: (x) => Math.abs(x) + 0.1,
  extremes: [0, 1e-30, 1e30, Infinity],
});

/** y = x^(-1/2); infinity at 0. */
export function rsqrt(x: Value): Value {
  return apply1(rsqrtOp, [x], {});
}
