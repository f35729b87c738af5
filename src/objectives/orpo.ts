import { z } from 'zod';
import type { Value } from '../ir/graph.ts';
import { div } from '../ir/ops/div.ts';
import { exp } from '../ir/ops/exp.ts';
import { expm1 } from '../ir/ops/expm1.ts';
import { less } from '../ir/ops/less.ts';
import { log } from '../ir/ops/log.ts';
import { log1p } from '../ir/ops/log1p.ts';
import { logSigmoid } from '../ir/ops/logSigmoid.ts';
import { maximum } from '../ir/ops/maximum.ts';
import { minimum } from '../ir/ops/minimum.ts';
import { mul } from '../ir/ops/mul.ts';
import { neg } from '../ir/ops/neg.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { scalar } from '../ir/ops/constant.ts';
import { sub } from '../ir/ops/sub.ts';
import { where } from '../ir/ops/where.ts';
import type { Answer, PairObjective } from './objective.ts';
import { objectiveUnit } from './unit.ts';

const minusLn2 = -Math.LN2;

/** ln(1 - exp x) for x < 0 without cancellation: by expm1 near 0, by log1p elsewhere (Mächler 2012). */
function log1mexp(x: Value): Value {
  const near = log(neg(expm1(maximum(x, minusLn2))));
  const far = log1p(neg(exp(minimum(x, minusLn2))));
  return where(less(scalar(minusLn2), x), near, far);
}

/** Mean log-probability of an answer's tokens. */
const meanOf = ({ logprobs, tokens }: Answer): Value => div(logprobs, tokens);

/**
 * Odds ratio preference optimization: L = L_NLL - β ln σ(ln odds(y_w) - ln odds(y_l)), odds = p / (1 - p), p the mean
 * probability of an answer's tokens; L_NLL over prompt and chosen answer, by the tokens of the micro-batch as in TRL. Hong, Lee
 * & Thorne 2024, equations 6 and 7; TRL's ORPOTrainer. It needs no reference.
 */
export function orpo(beta: number): PairObjective {
  return {
    type: 'orpo',
    reduction: 'pair',
    needsReference: false,
    losses: ({ chosen, rejected }) => {
      const [won, lost] = [meanOf(chosen), meanOf(rejected)];
      const logOdds = sub(sub(won, lost), sub(log1mexp(won), log1mexp(lost)));
      const pairs = chosen.tokens.type.shape[0] ?? 1;
      const nll = neg(mul(chosen.allLogprobs, div(pairs, sum(chosen.allTokens))));
      return {
        losses: sub(nll, mul(logSigmoid(logOdds), beta)),
        rewards: { chosen: mul(won, beta), rejected: mul(lost, beta) },
      };
    },
  };
}

export const orpoUnit = objectiveUnit({
  schema: z.strictObject({
    type: z.literal('orpo').describe('compares two answers without a reference'),
    beta: z.number().positive().default(0.1).describe('Weight of the odds ratio beside the likelihood'),
  }),
  make: ({ beta }) => orpo(beta),
});
