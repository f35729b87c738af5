import type { Value } from '../graph.ts';
import { formatShape, type Shape } from '../types.ts';
import { sum } from './reduceSum.ts';
import { reshape } from './reshape.ts';

/** Sums the axes along which `shape` was broadcast to x: the transpose of broadcasting. */
export function sumTo(x: Value, shape: Shape): Value {
  const from = x.type.shape;
  const extra = from.length - shape.length;
  if (extra < 0)
    throw new RangeError(`Expected a shape of at most ${from.length} axes but found ${formatShape(shape)}`);
  const axes = from
    .map((_, axis) => axis)
    .filter((axis) => axis < extra || (shape[axis - extra] === 1 && from[axis] !== 1));
  return reshape(sum(x, axes, true), shape);
}
