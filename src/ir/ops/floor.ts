import { apply1, type Value } from '../graph.ts';
import { defineUnary } from './elementwise.ts';

export const floorOp = defineUnary({
  name: 'floor',
  formula: 'y = the largest integer not above x',
  onnx: 'Floor',
  evaluate: Math.floor,
  extremes: [-Infinity, -1.5, -1, -1e-30, 0, 0.999, 2, 1e30],
});

/** The largest integer not above x. */
export function floor(x: Value): Value {
  return apply1(floorOp, [x], {});
}
