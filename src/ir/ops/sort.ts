import type { Value } from '../graph.ts';
import { dimAt } from '../types.ts';
import { topK, type TopKResult } from './topK.ts';

/** The last axis in ascending (or descending) order, and where each element was; of ties the first comes first. */
export function sort(x: Value, descending = false): TopKResult {
  return topK(x, dimAt(x.type.shape, -1), descending);
}
