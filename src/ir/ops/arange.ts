import type { Value } from '../graph.ts';
import { constant } from './constant.ts';

/** i32 [count]: start, start + 1, … */
export function arange(count: number, start = 0): Value {
  return constant(
    'i32',
    [count],
    Float64Array.from({ length: count }, (_, i) => start + i),
  );
}
