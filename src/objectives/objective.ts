import type { Value } from '../ir/graph.ts';
import type { VocabularyStatistics } from '../ir/ops/vocabulary.ts';
import type { Site } from '../nn/sites.ts';

/** Statistics of the target tokens, one per row of [N], in nats; the reference is the model without its adapter. */
export interface TokenStatistics extends Pick<
  VocabularyStatistics,
  'logprobs' | 'meanLogprobs' | 'entropy' | 'klToReference' | 'klFromReference'
> {
  /** ln of the reference's probability of the target */
  readonly referenceLogprobs: Value;
}

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

/** Sums over the tokens of one answer of each pair, [P], in nats. */
export interface Answer {
  /** Of the answer's tokens. */
  readonly logprobs: Value;
  /** How many those are. */
  readonly tokens: Value;
  /** The same of prompt and answer. */
  readonly allLogprobs: Value;
  readonly allTokens: Value;
  /** Of the answer's tokens under the model without its adapter; there where the objective asks for it. */
  readonly referenceLogprobs: Value | null;
}

/** A loss that compares two answers to one prompt: the mean over pairs. */
export interface PairObjective {
  readonly type: string;
  readonly reduction: 'pair';
  /** Whether it reads what the model without its adapter says. */
  readonly needsReference: boolean;
  losses(pair: { readonly chosen: Answer; readonly rejected: Answer }): {
    /** Loss of each pair, [P]. */
    readonly losses: Value;
    /** How much each answer is worth to the model, [P]. */
    readonly rewards: { readonly chosen: Value; readonly rejected: Value };
  };
}

/** A loss of whole sequences: the mean over them. */
export interface SequenceObjective {
  readonly type: string;
  readonly reduction: 'sequence';
  /**
   * How tokens are embedded while training. `predicted`, i32 [B, T], has the token that the model itself takes for likeliest
   * at each place that is learned, from the data's tokens before it, and the data's elsewhere; without it one pass is saved.
   */
  embedding?(predicted: Value): Site<'embedding'>;
  /** Loss of each sequence [B]: logprobs of the next tokens and 1 where they are learned, [B, T]. */
  losses(tokens: { readonly logprobs: Value; readonly weights: Value }): Value;
}

export type AnyObjective = Objective | PairObjective | SequenceObjective;
