import { apply1, type Value } from '../graph.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { sigmoid } from './sigmoid.ts';
import { softplus } from './softplus.ts';
import { defineUnary } from './elementwise.ts';

export const logSigmoidOp = defineUnary({
  name: 'logSigmoid',
  formula: 'y = ln σ(x) = -softplus(-x); x for very negative x',
  decompose: (x) => neg(softplus(neg(x))),
  gradient: (dy, x) => mul(dy, sigmoid(neg(x))),
  extremes: [-1e30, -200, -20, 0, 20, 200, Infinity],
});

/** ln σ(x), safe at both ends. */
export function logSigmoid(x: Value): Value {
  return apply1(logSigmoidOp, [x], {});
}
