import { apply1, type Value } from '../graph.ts';
import { defineUnary } from './elementwise.ts';

function halfToEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

export const roundOp = defineUnary({
  name: 'round',
  formula: 'y = the nearest integer, the even one of two equally near',
  onnx: 'Round',
  evaluate: halfToEven,
  extremes: [-1e30, -2.5, -1.5, -0.5, 0.49, 0.5, 1.5, 2.5, 1e30],
});

/** The nearest integer, the even one of two equally near. */
export function round(x: Value): Value {
  return apply1(roundOp, [x], {});
}
