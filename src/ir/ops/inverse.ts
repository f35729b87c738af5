import type { Value } from '../graph.ts';
import { dimAt } from '../types.ts';
import { arange } from './arange.ts';
import { broadcastTo } from './broadcastTo.ts';
import { oneHot } from './oneHot.ts';
import { solve } from './solve.ts';

/** The inverse of small matrices […, n, n]; not finite where one is singular. */
export function inverse(a: Value): Value {
  const n = dimAt(a.type.shape, -1);
  return solve(a, broadcastTo(oneHot(arange(n), n), a.type.shape));
}
