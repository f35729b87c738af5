import { apply1, type Value } from '../graph.ts';
import { add } from './add.ts';
import { erf } from './erf.ts';
import { exp } from './exp.ts';
import { mul } from './mul.ts';
import { defineUnary } from './elementwise.ts';

export const geluOp = defineUnary({
  name: 'gelu',
  formula: 'y = x Φ(x) = x/2 (1 + erf(x/√2)) (Hendrycks & Gimpel 2016, eq. 1); NaN at -infinity',
  onnx: (emit, x) => emit.node('Gelu', [x]),
  decompose: (x) => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1)),
  gradient: (dy, x) => {
    const cdf = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
    const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return mul(dy, add(cdf, mul(x, density)));
  },
  extremes: [-200, -10, -1, 0, 1, 10, 200],
});

/** x Φ(x), with the normal distribution function itself. */
export function gelu(x: Value): Value {
  return apply1(geluOp, [x], {});
}
