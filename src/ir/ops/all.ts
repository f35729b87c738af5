import type { Value } from '../graph.ts';
import { cast } from './cast.ts';
import { min } from './reduceMin.ts';

/** Whether every element along the axes (all by default) is true; of bools. Throws TypeError on another dtype. */
export function all(x: Value, axes?: readonly number[], keepDims = false): Value {
  if (x.type.dtype !== 'bool') throw new TypeError(`all: expected bool but found ${x.type.dtype}`);
  return cast(min(cast(x, 'i32'), axes, keepDims), 'bool');
}
