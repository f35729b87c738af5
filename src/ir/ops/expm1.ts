import { apply1, type Value } from '../graph.ts';
import { add } from './add.ts';
import { defineUnary } from './elementwise.ts';
import { mul } from './mul.ts';

export const expm1Op = defineUnary({
  name: 'expm1',
  formula: 'y = e^x - 1 without cancellation near 0; -1 at -infinity, infinity past 88.7 in f32',
  // e^x - 1 = (e^x + 1) tanh(x/2): ONNX has no operator, and both factors keep their relative precision.
  onnx: (emit, x) => {
    const half = emit.node('Tanh', [emit.node('Mul', [x, emit.scalar(0.5)])]);
    return emit.node('Mul', [emit.node('Add', [emit.node('Exp', [x]), emit.scalar(1)]), half]);
  },
  evaluate: Math.expm1,
  gradient: (dy, _x, y) => mul(dy, add(y, 1)),
  extremes: [-Infinity, -100, -1, -1e-6, 0, 1e-6, 1],
  tiny: [1e-7, -3.3e-8, 5e-8],
});

/** e^x - 1 without cancellation near 0. */
export function expm1(x: Value): Value {
  return apply1(expm1Op, [x], {});
}
