import { fillNormal, type RandomKey } from '../ir/random.ts';
import type { LanguageModel, ParameterSpec } from '../nn/model.ts';
import { plainSites } from '../nn/sites.ts';
import type { Adapter } from './adapter.ts';

/** N(mean, deviation²), as the model's architecture wants it. */
function draw(values: Float32Array, key: RandomKey, { mean, deviation }: ParameterSpec['init']): void {
  if (deviation === 0) values.fill(mean);
  else {
    fillNormal(values, key);
    for (let i = 0; i < values.length; i++) values[i] = mean + deviation * (values[i] ?? 0);
  }
}

/** Full fine-tuning: every parameter of the model is trained; a tied head counts once. */
export function full(model: LanguageModel): Adapter {
  return {
    type: 'none',
    base: 'trained',
    parameters: model.parameters.map(({ name, shape, init }) => ({
      name,
      shape,
      initialize: (values, key) => draw(values, key, init),
    })),
    drops: false,
    sites: () => plainSites,
  };
}
