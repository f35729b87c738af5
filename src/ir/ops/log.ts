import { apply1, type Value } from '../graph.ts';
import { div } from './div.ts';
import { defineUnary } from './elementwise.ts';

export const logOp = defineUnary({
  name: 'log',
  formula: 'y = ln x; -infinity at 0',
  onnx: 'Log',
  evaluate: Math.log,
  gradient: (dy, x) => div(dy, x),
  domain: (x) => Math.abs(x) + 0.1,
  extremes: [0, 1e-30, 1, 1e30],
});

/** y = ln x; -infinity at 0. */
export function log(x: Value): Value {
  return apply1(logOp, [x], {});
}
