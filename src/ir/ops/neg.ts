import { apply1, type Value } from '../graph.ts';

import { defineUnary } from './elementwise.ts';

export const negOp = defineUnary({
  name: 'neg',
  formula: 'y = -x',
  onnx: 'Neg',
  evaluate: (x) => -x,
  gradient: (dy) => neg(dy),
});

/** y = -x. */
export function neg(x: Value): Value {
  return apply1(negOp, [x], {});
}
