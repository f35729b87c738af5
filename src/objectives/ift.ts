import { z } from 'zod';
import type { Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { arange } from '../ir/ops/arange.ts';
import { cast } from '../ir/ops/cast.ts';
import { scalar } from '../ir/ops/constant.ts';
import { div } from '../ir/ops/div.ts';
import { exp } from '../ir/ops/exp.ts';
import { less } from '../ir/ops/less.ts';
import { matmul } from '../ir/ops/matmul.ts';
import { mul } from '../ir/ops/mul.ts';
import { neg } from '../ir/ops/neg.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { stopGradient } from '../ir/ops/stopGradient.ts';
import { sub } from '../ir/ops/sub.ts';
import { where } from '../ir/ops/where.ts';
import type { SequenceObjective } from './objective.ts';
import { objectiveUnit } from './unit.ts';

/** [T, T]: γ^(j - i) at row j and column i where j ≥ i, else 0, so that x G is the sum of what comes from i on, discounted. */
function discounts(length: number, gamma: number): Value {
  const places = cast(arange(length), 'f32');
  const distance = sub(reshape(places, [length, 1]), reshape(places, [1, length]));
  const before = less(distance, scalar(0));
  // A distance below 0 would overflow before it is left out.
  return where(before, 0, exp(mul(where(before, 0, distance), Math.log(gamma))));
}

export interface IftOptions {
  readonly lambda: number;
  readonly gamma: number;
  /** Whether the gradient also runs through the weights, as in the official code. */
  readonly throughWeights: boolean;
}

/**
 * Intuitive Fine-Tuning. The model reads e_i = (1 - λ) E(y_i) + λ E(ŷ_i) in the answer, ŷ_i its own greedy token from gold
 * tokens before i, found without gradient (temporal residual connection, equation 12); with l_i = -ln p(y_i | e_<i), each token
 * is weighted by what follows it, w_i ∝ Σ_{j ≥ i} γ^(j - i) l_j / T scaled to sum to T (dynamic relation propagation), and
 * L = (1/T) Σ_i w_i l_i, the mean over sequences. λ = 0 and γ = 0 is the mean over sequences of supervised fine-tuning. Hua et
 * al. 2024; the official code's defaults for propagation (loss, L1, from the left).
 */
export function ift({ lambda, gamma, throughWeights }: IftOptions): SequenceObjective {
  return {
    type: 'ift',
    reduction: 'sequence',
    ...(lambda === 0
      ? {}
      : {
          embedding: (predicted) => (operands, base) =>
            add(mul(base(operands), 1 - lambda), mul(base({ ...operands, ids: predicted }), lambda)),
        }),
    losses: ({ logprobs, weights }) => {
      const count = sum(weights, [1], true);
      const losses = mul(neg(logprobs), weights);
      if (gamma === 0) return sum(div(losses, count), [1]);
      const length = losses.type.shape[1] ?? 0;
      const ahead = mul(matmul(div(losses, count), discounts(length, gamma)), weights);
      const scaled = div(mul(ahead, count), sum(ahead, [1], true));
      const factors = throughWeights ? scaled : stopGradient(scaled);
      return sum(div(mul(losses, factors), count), [1]);
    },
  };
}

export const iftUnit = objectiveUnit({
  schema: z.strictObject({
    type: z.literal('ift').describe("mixes the model's own tokens into what it reads"),
    lambda: z
      .number()
      .min(0)
      .lt(1)
      .default(0.2)
      .describe("Share of the model's own token in what it reads of the answer"),
    gamma: z.number().min(0).max(1).default(0.95).describe('How far the loss of later tokens counts for earlier ones'),
    throughWeights: z
      .boolean()
      .default(true)
      .describe('Lets the gradient run through the weights of tokens too, as the official code does'),
  }),
  make: (config) => ift(config),
});
