import { z } from 'zod';
import { logSigmoid } from '../ir/ops/logSigmoid.ts';
import { mul } from '../ir/ops/mul.ts';
import { neg } from '../ir/ops/neg.ts';
import { sub } from '../ir/ops/sub.ts';
import type { Answer, PairObjective } from './objective.ts';
import { objectiveUnit } from './unit.ts';

/**
 * Direct preference optimization: L = -ln σ(r_w - r_l), r = β (ln π(y|x) - ln π_ref(y|x)) the rewards of the chosen and the
 * rejected answer, π_ref the model without its adapter. Rafailov et al. 2023, equation 7; TRL's DPOTrainer, loss_type sigmoid.
 */
export function dpo(beta: number): PairObjective {
  const reward = ({ logprobs, referenceLogprobs }: Answer) => {
    if (!referenceLogprobs) throw new TypeError('Expected log-probabilities of the reference for dpo but found none');
    return mul(sub(logprobs, referenceLogprobs), beta);
  };
  return {
    type: 'dpo',
    reduction: 'pair',
    needsReference: true,
    losses: (pair) => {
      const [chosen, rejected] = [reward(pair.chosen), reward(pair.rejected)];
      return { losses: neg(logSigmoid(sub(chosen, rejected))), rewards: { chosen, rejected } };
    },
  };
}

export const dpoUnit = objectiveUnit({
  schema: z.strictObject({
    type: z.literal('dpo').describe('compares two answers with what a reference says to them'),
    beta: z.number().positive().default(0.1).describe('How dear it is to leave the reference'),
  }),
  make: ({ beta }) => dpo(beta),
});
