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
  /** There where it trains classifiers too: the share of the target that all labels get alike in their cross-entropy. */
  readonly labelSmoothing?: number;
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

/** How the model gives the answers that it learns from. */
export interface AnswerOptions {
  /** Answers to each prompt. */
  readonly numGenerations: number;
  /** Longest answer in tokens. */
  readonly maxCompletionLength: number;
  /** Divides the logits; 0 takes the most likely token. */
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
}

/** Sizes, in tokens, that an answer's loss may be divided by. */
export interface AnswerSizes {
  /** Of the answer, 0 where it is not learned from. */
  readonly own: number;
  /** Means of `own` over the answers of the micro-batch, and over all that were given together. */
  readonly batchMean: number;
  readonly generationMean: number;
}

/** A loss of the model's own answers, in which those that were graded better than others to their prompt become likelier: the mean over answers. */
export interface PolicyObjective {
  readonly type: string;
  readonly reduction: 'group';
  readonly answers: AnswerOptions;
  /** Times that answers are learned from before there are new ones. */
  readonly numIterations: number;
  /** Micro-batches that the answers given together make; unless given as many as make a step, or as hold whole groups. */
  readonly stepsPerGeneration?: number | undefined;
  /** Whether answers that were cut at their greatest length are left out. */
  readonly maskTruncatedCompletions: boolean;
  /** Whether it reads what the model without its adapter says. */
  readonly needsReference: boolean;
  /** How much better each answer is than others, from the grades of all that were given together, those to one prompt side by side; null is no grade. And what is told of them. */
  advantages(grades: readonly (number | null)[]): {
    readonly advantages: readonly number[];
    readonly metrics: Readonly<Record<string, number>>;
  };
  /** What the loss of each token of an answer counts, before the mean over answers. */
  tokenWeight(sizes: AnswerSizes): number;
  /** From the log-probabilities of the tokens [B, T] now, when the answers were given and under the reference, 1 where a token is learned [B, T], and advantages [B, 1]. */
  losses(tokens: {
    readonly logprobs: Value;
    readonly oldLogprobs: Value;
    readonly referenceLogprobs: Value | null;
    readonly mask: Value;
    readonly advantages: Value;
  }): {
    /** Loss of each token, [B, T], or of each answer's tokens alike, [B, 1]. */
    readonly losses: Value;
    /** What is told as means over learned tokens, [B, T], or over answers, [B, 1]. */
    readonly metrics: Readonly<Record<string, Value>>;
  };
}

/** The mean grade of the model's answers, which has no gradient: for optimizers that ask for scores. */
export interface GradeObjective {
  readonly type: string;
  readonly reduction: 'grade';
  readonly answers: AnswerOptions;
}

/** An objective whose data are prompts, which the model answers by itself. */
export type AnsweringObjective = PolicyObjective | GradeObjective;

export type AnyObjective = Objective | PairObjective | SequenceObjective | AnsweringObjective;

/** Whether an objective's data are prompts. */
export const isAnswering = (objective: AnyObjective): objective is AnsweringObjective =>
  objective.reduction === 'group' || objective.reduction === 'grade';
