import { z } from 'zod';
import type { Model, ParameterSpec } from '../nn/model.ts';
import { plainSites } from '../nn/sites.ts';
import type { Adapter, InitialContext } from './adapter.ts';
import type { AdapterUnit } from './unit.ts';

/** N(mean, deviation²), as the model's architecture wants it. */
async function draw(
  values: Float32Array,
  { key, random }: Pick<InitialContext, 'key' | 'random'>,
  { mean, deviation }: ParameterSpec['init'],
): Promise<void> {
  if (deviation === 0) values.fill(mean);
  else {
    await random.fillNormal(values, key);
    for (let i = 0; i < values.length; i++) values[i] = mean + deviation * (values[i] ?? 0);
  }
}

/** Full fine-tuning: every parameter of the model is trained; a tied head counts once. */
export function full(model: Model): Adapter {
  return {
    type: 'none',
    parameters: model.parameters.map(({ name, shape, decays, init }) => ({
      name,
      shape,
      decays,
      initialize: (values, context) => draw(values, context, init),
    })),
    drops: false,
    sites: () => plainSites,
    merges: { cannot: 'its trained weights are the model already' },
  };
}

const schema = z.strictObject({ type: z.literal('none').describe('the model itself') });

export const fullUnit: AdapterUnit<'none', typeof schema> = {
  type: 'none',
  schema,
  trainsBase: true,
  make: (_config, model) => full(model),
};
