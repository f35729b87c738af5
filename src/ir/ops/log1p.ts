import { apply1, type Value } from '../graph.ts';
import { add } from './add.ts';
import { div } from './div.ts';
import { defineUnary } from './elementwise.ts';

export const log1pOp = defineUnary({
  name: 'log1p',
  formula: 'y = ln(1 + x) without cancellation near 0; -infinity at -1, NaN below',
  // ln(u) x / (u - 1) with u = 1 + x rounded: the rounding of u cancels (Goldberg 1991, theorem 4).
  onnx: (emit, x) => {
    const u = emit.node('Add', [x, emit.scalar(1)]);
    const rounded = emit.node('Sub', [u, emit.scalar(1)]);
    const log = emit.node('Log', [u]);
    const corrected = emit.node('Mul', [log, emit.node('Div', [x, rounded])]);
    const large = emit.node('Where', [emit.node('Equal', [u, x]), log, corrected]);
    return emit.node('Where', [emit.node('Equal', [rounded, emit.scalar(0)]), x, large]);
  },
  evaluate: Math.log1p,
  gradient: (dy, x) => div(dy, add(x, 1)),
  domain: (x) => Math.abs(x) - 0.5,
  extremes: [-1, -0.999, -1e-6, 0, 1e-30, 1e-6, 1, 1e30, Infinity],
  tiny: [1e-7, -3.3e-8, 5e-8],
});

/** ln(1 + x) without cancellation near 0. */
export function log1p(x: Value): Value {
  return apply1(log1pOp, [x], {});
}
