import type { Value } from '../ir/graph.ts';
import type { VocabularyStatistics } from '../ir/ops/vocabulary.ts';

/** Statistics of the target tokens, one per row of [N], in nats; the reference is the model without its adapter. */
export type TokenStatistics = Pick<
  VocabularyStatistics,
  'logprobs' | 'meanLogprobs' | 'entropy' | 'klToReference' | 'klFromReference'
>;

export type TokenStatistic = keyof TokenStatistics;

/**
 * A loss from token statistics. `reduction` says what one unit of the mean is; the loop carries it out, with masks and
 * over the whole accumulation window.
 */
export interface Objective<S extends TokenStatistic = TokenStatistic> {
  readonly type: string;
  readonly reduction: 'token';
  /** What the loss reads: nothing else is computed. */
  readonly statistics: readonly S[];
  /** Loss of each token, [N], before masking. */
  losses(statistics: Pick<TokenStatistics, S>): Value;
}
