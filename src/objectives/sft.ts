import { z } from 'zod';
import { neg } from '../ir/ops/neg.ts';
import type { Objective } from './objective.ts';
import { objectiveUnit } from './unit.ts';

/** Supervised fine-tuning: L = -(1/Σw) Σ_n w_n ln p(t_n), the negative log-likelihood of the supervised tokens. */
export const sft: Objective<'logprobs'> = {
  type: 'sft',
  reduction: 'token',
  statistics: ['logprobs'],
  losses: ({ logprobs }) => neg(logprobs),
};

export const sftUnit = objectiveUnit({
  schema: z.strictObject({
    type: z
      .literal('sft')
      .default('sft')
      .describe(
        "What is minimised: sft is the mean loss of the learned tokens, or of a classifier's labels; dft weights each token by its own probability",
      ),
  }),
  make: () => sft,
});
