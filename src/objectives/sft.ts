import { neg } from '../ir/ops/neg.ts';
import type { Objective } from './objective.ts';

/** Supervised fine-tuning: L = -(1/Σw) Σ_n w_n ln p(t_n), the negative log-likelihood of the supervised tokens. */
export const sft: Objective<'logprobs'> = {
  type: 'sft',
  reduction: 'token',
  statistics: ['logprobs'],
  losses: ({ logprobs }) => neg(logprobs),
};
