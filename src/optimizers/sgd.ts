import { z } from 'zod';
import { at } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { mul } from '../ir/ops/mul.ts';
import { sub } from '../ir/ops/sub.ts';
import { rate, sharedFields } from './fields.ts';
import { named, type UpdateRule } from './optimizer.ts';
import type { OptimizerUnit } from './unit.ts';

export interface SgdOptions {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

/**
 * Stochastic gradient descent as torch.optim.SGD computes it: g ← g + λθ, b ← μb + g, θ ← θ - ηb, with Nesterov's
 * momentum θ ← θ - η(g + μb) (Sutskever et al. 2013). One value of state per parameter, none without momentum.
 */
export function sgd({ momentum, nesterov, weightDecay }: SgdOptions): UpdateRule {
  if (nesterov && momentum === 0) throw new RangeError('Expected a momentum above 0 with nesterov but found 0');
  return {
    name: 'sgd',
    slots: momentum === 0 ? [] : ['momentum'],
    elementwise: true,
    scalars: (_step, learningRate) => ({ learningRate }),
    apply: ({ params, gradients, slots, scalars, decays }) => {
      const steps = params.map((theta, i) => {
        const given = at(gradients, i);
        const g = at(decays, i) && weightDecay > 0 ? add(given, mul(theta, weightDecay)) : given;
        const b = momentum === 0 ? g : add(mul(at(named(slots, 'momentum'), i), momentum), g);
        const update = nesterov ? add(g, mul(b, momentum)) : b;
        return { theta: sub(theta, mul(update, named(scalars, 'learningRate'))), b };
      });
      return {
        params: steps.map(({ theta }) => theta),
        slots: momentum === 0 ? {} : { momentum: steps.map(({ b }) => b) },
      };
    },
  };
}

const schema = z
  .strictObject({
    type: z.literal('sgd').describe('follows the gradient'),
    ...sharedFields,
    momentum: rate.default(0).describe('Share of the last update that sgd goes on with'),
    nesterov: z.boolean().default(false).describe("Nesterov's form of sgd's momentum"),
  })
  .refine(({ nesterov, momentum }) => !nesterov || momentum > 0, {
    path: ['nesterov'],
    message: 'false, or a momentum above 0 with it,',
  });

export const sgdUnit: OptimizerUnit<typeof schema> = { schema, rule: sgd };
