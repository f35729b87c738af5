import type { Value } from '../ir/graph.ts';

/** Statistics of the target tokens, one per row of [N]. */
export interface TokenStatistics {
  /** ln p(target) */
  readonly logprobs: Value;
}

/**
 * A loss from token statistics. `reduction` says what one unit of the mean is; the loop carries it out, with masks and
 * over the whole accumulation window.
 */
export interface Objective {
  readonly type: string;
  readonly reduction: 'token';
  /** Loss of each token, [N], before masking. */
  losses(statistics: TokenStatistics): Value;
}
