import { z } from 'zod';
import { at } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { mul } from '../ir/ops/mul.ts';
import { sign } from '../ir/ops/sign.ts';
import { sub } from '../ir/ops/sub.ts';
import { rate, sharedFields } from './fields.ts';
import { named, type UpdateRule } from './optimizer.ts';
import type { OptimizerUnit } from './unit.ts';

export interface LionOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly weightDecay: number;
}

/**
 * Lion (Chen et al. 2023, alg. 2): u = sign(β₁m + (1-β₁)g), θ ← θ(1 - ηλ) - ηu, m ← β₂m + (1-β₂)g. One value of state
 * per parameter.
 */
export function lion({ beta1, beta2, weightDecay }: LionOptions): UpdateRule {
  return {
    name: 'lion',
    slots: ['m'],
    elementwise: true,
    scalars: (_step, learningRate) => ({ learningRate }),
    apply: ({ params, gradients, slots, scalars, decays }) => {
      const learningRate = named(scalars, 'learningRate');
      const steps = params.map((theta, i) => {
        const [g, m] = [at(gradients, i), at(named(slots, 'm'), i)];
        const direction = sign(add(mul(m, beta1), mul(g, 1 - beta1)));
        const decayed = at(decays, i) && weightDecay > 0 ? mul(theta, sub(1, mul(learningRate, weightDecay))) : theta;
        return {
          theta: sub(decayed, mul(direction, learningRate)),
          m: add(mul(m, beta2), mul(g, 1 - beta2)),
        };
      });
      return { params: steps.map(({ theta }) => theta), slots: { m: steps.map(({ m }) => m) } };
    },
  };
}

const schema = z.strictObject({
  type: z.literal('lion').describe('takes the sign of a mean of gradients'),
  ...sharedFields,
  beta1: rate.default(0.9),
  beta2: rate.default(0.99),
});

export const lionUnit: OptimizerUnit<typeof schema> = { schema, rule: lion };
