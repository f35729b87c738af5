import type { Value } from '../graph.ts';
import { argmax } from './argmax.ts';
import { neg } from './neg.ts';

/** Index of the minimum of the last axis; the first of ties. */
export function argmin(x: Value): Value {
  return argmax(neg(x));
}
