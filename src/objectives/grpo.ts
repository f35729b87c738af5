import { z } from 'zod';
import type { Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { and } from '../ir/ops/and.ts';
import { cast } from '../ir/ops/cast.ts';
import { clip } from '../ir/ops/clip.ts';
import { scalar } from '../ir/ops/constant.ts';
import { div } from '../ir/ops/div.ts';
import { exp } from '../ir/ops/exp.ts';
import { less } from '../ir/ops/less.ts';
import { maximum } from '../ir/ops/maximum.ts';
import { minimum } from '../ir/ops/minimum.ts';
import { mul } from '../ir/ops/mul.ts';
import { neg } from '../ir/ops/neg.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { sub } from '../ir/ops/sub.ts';
import { groupAdvantages, type ScaleRewards } from './advantages.ts';
import type { AnswerOptions, AnswerSizes, PolicyObjective } from './objective.ts';
import { objectiveUnit } from './unit.ts';

/**
 * What a token's loss counts, so that the mean over answers is the loss of the type: over the tokens of its answer (Shao et
 * al. 2024, equation 3), of its micro-batch, of all answers that were given together (Yu et al. 2025, equation 8), or over the
 * greatest length (Liu et al. 2025).
 */
const tokenWeights = {
  grpo: ({ own }) => 1 / Math.max(1, own),
  bnpo: ({ batchMean }) => 1 / batchMean,
  dapo: ({ generationMean }) => 1 / generationMean,
  dr_grpo: (_sizes, { maxCompletionLength }) => 1 / maxCompletionLength,
} as const satisfies Record<string, (sizes: AnswerSizes, options: AnswerOptions) => number>;

type LossType = keyof typeof tokenWeights;

export interface GrpoOptions extends AnswerOptions, Pick<PolicyObjective, 'numIterations' | 'stepsPerGeneration'> {
  readonly lossType: LossType;
  readonly scaleRewards: ScaleRewards;
  readonly beta: number;
  readonly epsilon: number;
  readonly epsilonHigh?: number | undefined;
  readonly importanceSamplingLevel: 'token' | 'sequence';
  readonly useBiasCorrectionKl: boolean;
  readonly maskTruncatedCompletions: boolean;
}

/** Learned tokens of each answer, [B, 1], one at least. */
const lengthsOf = (mask: Value): Value => maximum(sum(mask, [1], true), 1);

/** 1 where both hold. */
const both = (a: Value, b: Value): Value => cast(and(a, b), 'f32');

/**
 * Group relative policy optimization: with ρ = π(y_t) / π_old(y_t) and A the answer's advantage, the loss of a token is
 * -min(ρ A, clip(ρ, 1 - ε, 1 + ε_high) A) + β k, k = π_ref/π - ln(π_ref/π) - 1 an estimate of KL(π‖π_ref), which counts ρ times
 * where `useBiasCorrectionKl`. With `importanceSamplingLevel` sequence ρ is one for each answer, the geometric mean of its tokens' (Zheng
 * et al. 2025, GSPO, equation 7). Shao et al. 2024, equations 3 and 4; TRL's GRPOTrainer, whose defaults these are.
 */
export function grpo(options: GrpoOptions): PolicyObjective {
  const { beta, epsilon, epsilonHigh = epsilon, lossType, scaleRewards, useBiasCorrectionKl } = options;
  const { importanceSamplingLevel } = options;
  const { numGenerations, numIterations, stepsPerGeneration, maskTruncatedCompletions } = options;
  return {
    type: 'grpo',
    reduction: 'group',
    answers: options,
    numIterations,
    stepsPerGeneration,
    maskTruncatedCompletions,
    needsReference: beta > 0,
    advantages: (grades) => groupAdvantages(grades, numGenerations, scaleRewards),
    tokenWeight: (sizes) => tokenWeights[lossType](sizes, options),
    losses: ({ logprobs, oldLogprobs, referenceLogprobs, mask, advantages }) => {
      // What is not learned may differ by anything.
      const gaps = mul(sub(logprobs, oldLogprobs), mask);
      const ratio = exp(importanceSamplingLevel === 'token' ? gaps : div(sum(gaps, [1], true), lengthsOf(mask)));
      const [least, most] = [1 - epsilon, 1 + epsilonHigh];
      const gain = minimum(mul(ratio, advantages), mul(clip(ratio, least, most), advantages));
      const low = both(less(ratio, scalar(least)), less(advantages, scalar(0)));
      const high = both(less(scalar(most), ratio), less(scalar(0), advantages));
      const clips = { clipRatioLow: low, clipRatioHigh: high, clipRatio: add(low, high) };
      if (beta === 0) return { losses: neg(gain), metrics: clips };
      if (!referenceLogprobs)
        throw new TypeError('Expected log-probabilities of the reference for grpo but found none');
      const gap = mul(sub(referenceLogprobs, logprobs), mask);
      const estimate = sub(sub(exp(gap), gap), 1);
      const kl = useBiasCorrectionKl ? mul(estimate, ratio) : estimate;
      return { losses: sub(mul(kl, beta), gain), metrics: { kl, ...clips } };
    },
  };
}

const count = (least: number) => z.number().int().min(least).max(Number.MAX_SAFE_INTEGER);

export const grpoUnit = objectiveUnit({
  schema: z.strictObject({
    type: z.literal('grpo').describe("makes the model's own answers likelier that were graded better than others"),
    numGenerations: count(2).default(8).describe('Answers to each prompt, which are compared with each other'),
    maxCompletionLength: count(1).default(512).describe('Longest answer of the model that is learned from, in tokens'),
    temperature: z.number().positive().default(1).describe('Of the answers: divides the logits'),
    topP: z.number().gt(0).max(1).default(1).describe('Answers take tokens of the likeliest that have this share'),
    topK: count(0).default(0).describe('Answers take one of so many likeliest tokens; 0 is any'),
    minP: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe("Answers take tokens of at least this share of the likeliest's probability"),
    repetitionPenalty: z
      .number()
      .positive()
      .default(1)
      .describe('Makes tokens that stand already less likely in answers'),
    beta: z.number().min(0).default(0).describe('How dear it is to leave the reference'),
    numIterations: count(1).default(1).describe('Times that answers are learned from before there are new ones'),
    stepsPerGeneration: count(1)
      .optional()
      .describe(
        'Micro-batches that the answers given together make: train.gradientAccumulationSteps unless given, or the next multiple of it that holds whole groups',
      ),
    epsilon: z.number().min(0).default(0.2).describe('How far below 1 the ratio of probabilities has an effect'),
    epsilonHigh: z.number().min(0).optional().describe('How far above 1; as epsilon unless given'),
    importanceSamplingLevel: z
      .enum(['token', 'sequence'])
      .default('token')
      .describe('Whether each token has a ratio of probabilities, or each answer the mean of its own (GSPO)'),
    lossType: z
      .enum(Object.keys(tokenWeights) as [LossType, ...LossType[]])
      .default('dapo')
      .describe(
        'Mean over tokens: of each answer (grpo), of the micro-batch (bnpo), of all answers given together (dapo), or of the greatest length (dr_grpo)',
      ),
    scaleRewards: z
      .enum(['group', 'batch', 'none'])
      .default('group')
      .describe("What divides the rewards: the deviation of the prompt's answers, that of all answers, or nothing"),
    maskTruncatedCompletions: z
      .boolean()
      .default(false)
      .describe('Learns nothing from answers that were cut at their greatest length'),
    useBiasCorrectionKl: z
      .boolean()
      .default(true)
      .describe('Weights the divergence from the reference by the ratio of probabilities'),
  }),
  make: grpo,
});
