import { z } from 'zod';
import { add } from '../ir/ops/add.ts';
import { mul } from '../ir/ops/mul.ts';
import { neg } from '../ir/ops/neg.ts';
import type { Objective } from './objective.ts';
import { objectiveUnit } from './unit.ts';

/** Supervised fine-tuning: L = -(1/Σw) Σ_n w_n ln p(t_n), the negative log-likelihood of the supervised tokens. */
export const sft: Objective<'logprobs'> = {
  type: 'sft',
  reduction: 'token',
  labelSmoothing: 0,
  statistics: ['logprobs'],
  losses: ({ logprobs }) => neg(logprobs),
};

/**
 * The same towards targets that give a share ε of their weight to all V tokens alike, as transformers' LabelSmoother has
 * it: L = -(1/Σw) Σ_n w_n ((1-ε) ln p(t_n) + ε/V Σ_v ln p(v)) (Szegedy et al. 2016, sec. 7).
 */
export function smoothedSft(epsilon: number): Objective<'logprobs' | 'meanLogprobs'> {
  return {
    type: 'sft',
    reduction: 'token',
    labelSmoothing: epsilon,
    statistics: ['logprobs', 'meanLogprobs'],
    losses: ({ logprobs, meanLogprobs }) => neg(add(mul(logprobs, 1 - epsilon), mul(meanLogprobs, epsilon))),
  };
}

export const sftUnit = objectiveUnit({
  schema: z.strictObject({
    type: z
      .literal('sft')
      .default('sft')
      .describe("is the mean loss of the learned tokens, or of a classifier's labels"),
    labelSmoothingFactor: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe(
        'Share of the target that all tokens (or labels) get alike while training; evaluations measure without it',
      ),
  }),
  make: ({ labelSmoothingFactor }): Objective => (labelSmoothingFactor === 0 ? sft : smoothedSft(labelSmoothingFactor)),
});
