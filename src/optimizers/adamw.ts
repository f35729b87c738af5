import { at } from '../ir/graph.ts';
import { adamw as adamwStep, type AdamWAttrs } from '../ir/ops/adamw.ts';
import type { UpdateRule } from './optimizer.ts';

export type AdamWOptions = AdamWAttrs;

const named = <T>(record: Readonly<Record<string, T>>, name: string): T => {
  const value = record[name];
  if (value === undefined) throw new RangeError(`Expected ${name} among ${Object.keys(record).join(', ')}`);
  return value;
};

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
    apply: ({ params, gradients, slots, scalars }) => {
      const steps = params.map((theta, i) =>
        adamwStep(
          { theta, m: at(named(slots, 'm'), i), v: at(named(slots, 'v'), i) },
          at(gradients, i),
          named(scalars, 'learningRate'),
          [named(scalars, 'correction1'), named(scalars, 'correction2')],
          options,
        ),
      );
      return {
        params: steps.map(({ theta }) => theta),
        slots: { m: steps.map(({ m }) => m), v: steps.map(({ v }) => v) },
      };
    },
  };
}
