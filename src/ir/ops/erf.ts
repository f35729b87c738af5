import { apply1, type Value } from '../graph.ts';
import { defineUnary } from './elementwise.ts';
import { exp } from './exp.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';

/** erf x = 2/√π e^(-x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!: terms of one sign, so nothing cancels (Abramowitz & Stegun 7.1.6). */
function erfOf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let total = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

export const erfOp = defineUnary({
  name: 'erf',
  formula: 'y = 2/√π ∫₀ˣ e^(-t²) dt; ±1 beyond |x| of 4 in f32',
  onnx: 'Erf',
  evaluate: erfOf,
  gradient: (dy, x) => mul(dy, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
  extremes: [-Infinity, -5, -0.5, 0, 1e-20, 0.5, 3, 5, Infinity],
});

/** 2/√π ∫₀ˣ e^(-t²) dt. */
export function erf(x: Value): Value {
  return apply1(erfOp, [x], {});
}
