import type { Value } from '../graph.ts';
import { cast } from './cast.ts';
import { max } from './reduceMax.ts';

/** Whether some element along the axes (all by default) is true; of bools. Throws TypeError on another dtype. */
export function any(x: Value, axes?: readonly number[], keepDims = false): Value {
  if (x.type.dtype !== 'bool') throw new TypeError(`any: expected bool but found ${x.type.dtype}`);
  return cast(max(cast(x, 'i32'), axes, keepDims), 'bool');
}
