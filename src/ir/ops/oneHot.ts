import type { Value } from '../graph.ts';
import { formatType } from '../types.ts';
import { arange } from './arange.ts';
import { cast } from './cast.ts';
import { equal } from './equal.ts';
import { reshape } from './reshape.ts';

/** f32 […, depth]: 1 at index […], else 0; a row of zeros where the index is outside [0, depth). */
export function oneHot(index: Value, depth: number): Value {
  if (index.type.dtype !== 'i32')
    throw new TypeError(`oneHot: expected i32 indices but found ${formatType(index.type)}`);
  return cast(equal(reshape(index, [...index.type.shape, 1]), arange(depth)), 'f32');
}
