import { z } from 'zod';
import { exp } from '../ir/ops/exp.ts';
import { mul } from '../ir/ops/mul.ts';
import { neg } from '../ir/ops/neg.ts';
import { stopGradient } from '../ir/ops/stopGradient.ts';
import type { Objective } from './objective.ts';
import { objectiveUnit } from './unit.ts';

/**
 * Dynamic Fine-Tuning: L = -(1/N) Σ_t sg(p_t^a) ln p_t, p_t the probability of token t, N the number of supervised tokens and
 * sg without gradient; a = 1 is the paper's, a = 0 is supervised fine-tuning. Wu et al. 2025, On the Generalization of SFT,
 * equation 9; TRL's loss_type "dft".
 */
export const dft = (exponent = 1): Objective<'logprobs'> => ({
  type: 'dft',
  reduction: 'token',
  statistics: ['logprobs'],
  losses: ({ logprobs }) => neg(mul(stopGradient(exp(mul(logprobs, exponent))), logprobs)),
});

export const dftUnit = objectiveUnit({
  schema: z.strictObject({
    type: z.literal('dft').describe('weights each token by its own probability'),
    exponent: z
      .number()
      .min(0)
      .default(1)
      .describe("Of the token's own probability in its weight: 1 is DFT, 0 is supervised fine-tuning"),
  }),
  make: ({ exponent }) => dft(exponent),
});
