import { apply1, type Value } from '../graph.ts';
import { add } from './add.ts';
import { mul } from './mul.ts';
import { sub } from './sub.ts';
import { tanh } from './tanh.ts';
import { defineUnary } from './elementwise.ts';

const inner = (x: Value): Value => tanh(mul(add(x, mul(mul(x, mul(x, x)), 0.044715)), Math.sqrt(2 / Math.PI)));

export const geluTanhOp = defineUnary({
  name: 'geluTanh',
  formula: 'y = x/2 (1 + tanh(√(2/π)(x + 0.044715 x³))) (Hendrycks & Gimpel 2016, §2); NaN at -infinity',
  onnx: (emit, x) => emit.node('Gelu', [x], { approximate: { string: 'tanh' } }),
  decompose: (x) => mul(mul(x, 0.5), add(inner(x), 1)),
  gradient: (dy, x) => {
    const t = inner(x);
    const slope = mul(add(mul(mul(x, x), 3 * 0.044715), 1), Math.sqrt(2 / Math.PI));
    const curved = mul(mul(x, 0.5), mul(sub(1, mul(t, t)), slope));
    return mul(dy, add(mul(add(t, 1), 0.5), curved));
  },
  extremes: [-200, -10, -1, 0, 1, 10, 200],
});

/** The tanh approximation of gelu, as gelu_pytorch_tanh and gelu_new. */
export function geluTanh(x: Value): Value {
  return apply1(geluTanhOp, [x], {});
}
