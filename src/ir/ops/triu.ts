import type { Value } from '../graph.ts';
import { dimAt } from '../types.ts';
import { arange } from './arange.ts';
import { filled } from './constant.ts';
import { lessEqual } from './lessEqual.ts';
import { reshape } from './reshape.ts';
import { where } from './where.ts';

/** Matrices […, M, N] with 0 below the diagonal j = i + k. */
export function triu(x: Value, k = 0): Value {
  const rows = reshape(arange(dimAt(x.type.shape, -2), k), [dimAt(x.type.shape, -2), 1]);
  return where(lessEqual(rows, arange(dimAt(x.type.shape, -1))), x, filled(x.type.dtype, [], 0));
}
