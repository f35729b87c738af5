import type { RandomKey } from '../ir/random.ts';
import type { Model, ParameterSpec } from '../nn/model.ts';
import { plainSites } from '../nn/sites.ts';
import type { RandomService } from '../runtime/random.ts';
import type { Adapter } from './adapter.ts';

/** N(mean, deviation²), as the model's architecture wants it. */
async function draw(
  values: Float32Array,
  key: RandomKey,
  random: RandomService,
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
    base: 'trained',
    parameters: model.parameters.map(({ name, shape, init }) => ({
      name,
      shape,
      initialize: (values, key, random) => draw(values, key, random, init),
    })),
    drops: false,
    sites: () => plainSites,
  };
}
