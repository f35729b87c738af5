import { z } from 'zod';
import { defineSurgery } from './surgery.ts';

/**
 * A point on the line from the base through a tuned model: w = w_0 + α (w_1 - w_0). Wortsman et al. 2022, Robust
 * fine-tuning of zero-shot models (WiSE-FT), equation 1; above 1 it goes on beyond the tuned model.
 */
export const interpolate = defineSurgery({
  type: 'interpolate',
  about: 'A point between the base and a tuned model (WiSE-FT): w = w_0 + alpha (w_1 - w_0).',
  on: 'tensors',
  models: { least: 1, most: 1 },
  schema: z.strictObject({
    alpha: z.number().default(0.5).describe('0 is the base, 1 the tuned model'),
  }),
  operate: ({ base, models: [tuned] }, { alpha }) => ({
    values: base.map((from, at) => from + alpha * ((tuned?.[at] ?? 0) - from)),
  }),
});
