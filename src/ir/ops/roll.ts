import type { Value } from '../graph.ts';
import { dimAt, normalizeAxis } from '../types.ts';
import { concat } from './concat.ts';
import { slice } from './slice.ts';

/** y[…, i, …] = x[…, (i - shift) mod n, …] along an axis: what leaves at one end comes in at the other. */
export function roll(x: Value, shift: number, axis: number): Value {
  const along = normalizeAxis(axis, x.type.shape.length);
  const dim = dimAt(x.type.shape, along);
  const cut = dim === 0 ? 0 : ((-shift % dim) + dim) % dim;
  return cut === 0 ? x : concat([slice(x, along, cut, dim), slice(x, along, 0, cut)], along);
}
