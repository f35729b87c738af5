import { apply1, type Value } from '../graph.ts';
import { add } from './add.ts';
import { mul } from './mul.ts';
import { sigmoid } from './sigmoid.ts';
import { sub } from './sub.ts';
import { defineUnary } from './elementwise.ts';

export const siluOp = defineUnary({
  name: 'silu',
  formula: 'y = x σ(x) (Ramachandran et al. 2017, §4); NaN at -infinity',
  decompose: (x) => mul(x, sigmoid(x)),
  gradient: (dy, x) => {
    const s = sigmoid(x);
    return mul(dy, mul(s, add(1, mul(x, sub(1, s)))));
  },
  extremes: [-200, -20, 0, 20, 200],
});

/** x σ(x). */
export function silu(x: Value): Value {
  return apply1(siluOp, [x], {});
}
