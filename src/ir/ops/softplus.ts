import { apply1, type Value } from '../graph.ts';
import { abs } from './abs.ts';
import { add } from './add.ts';
import { exp } from './exp.ts';
import { log1p } from './log1p.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { relu } from './relu.ts';
import { sigmoid } from './sigmoid.ts';
import { defineUnary } from './elementwise.ts';

export const softplusOp = defineUnary({
  name: 'softplus',
  formula: 'y = ln(1 + e^x) = max(x, 0) + ln(1 + e^(-|x|)); x for large x, 0 at -infinity',
  onnx: 'Softplus',
  decompose: (x) => add(relu(x), log1p(exp(neg(abs(x))))),
  gradient: (dy, x) => mul(dy, sigmoid(x)),
  extremes: [-Infinity, -200, -20, 0, 20, 200, 1e30],
});

/** ln(1 + e^x), safe for large x. */
export function softplus(x: Value): Value {
  return apply1(softplusOp, [x], {});
}
