import { z } from 'zod';
import { at } from '../ir/graph.ts';
import { adamw as adamwStep, type AdamWAttrs } from '../ir/ops/adamw.ts';
import { rate, sharedFields } from './fields.ts';
import { named, type UpdateRule } from './optimizer.ts';
import type { OptimizerUnit } from './unit.ts';

export type AdamWOptions = AdamWAttrs;

/** AdamW (Loshchilov & Hutter 2019, alg. 2), as torch.optim.AdamW computes it: two values of state per parameter. */
export function adamw(options: AdamWOptions): UpdateRule {
  return {
    name: 'adamw',
    slots: ['m', 'v'],
    elementwise: true,
    scalars: (step, learningRate) => ({
      learningRate,
      correction1: 1 - options.beta1 ** step,
      correction2: 1 - options.beta2 ** step,
    }),
    apply: ({ params, gradients, slots, scalars, decays }) => {
      const steps = params.map((theta, i) =>
        adamwStep(
          { theta, m: at(named(slots, 'm'), i), v: at(named(slots, 'v'), i) },
          at(gradients, i),
          named(scalars, 'learningRate'),
          [named(scalars, 'correction1'), named(scalars, 'correction2')],
          at(decays, i) ? options : { ...options, weightDecay: 0 },
        ),
      );
      return {
        params: steps.map(({ theta }) => theta),
        slots: { m: steps.map(({ m }) => m), v: steps.map(({ v }) => v) },
      };
    },
  };
}

const schema = z.strictObject({
  // Optional inside the default: an optimizer without a type is AdamW.
  type: z.literal('adamw').optional().default('adamw').describe('scales by the mean of squared gradients'),
  ...sharedFields,
  beta1: rate.default(0.9).describe('Decay of the mean of gradients'),
  beta2: rate.default(0.999).describe("Decay of the mean of squared gradients; of lion's mean, 0.99 unless given"),
  eps: z.number().positive().default(1e-8).describe('Added to the root of the mean square'),
});

export const adamwUnit: OptimizerUnit<typeof schema> = { schema, rule: adamw };
