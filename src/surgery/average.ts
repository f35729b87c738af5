import { z } from 'zod';
import { defineSurgery } from './surgery.ts';

/**
 * The average of models: w = Σ_i c_i w_i / Σ_i c_i; equal coefficients are the uniform soup.
 * Wortsman et al. 2022, Model soups, section 2.
 */
export const average = defineSurgery({
  type: 'average',
  about: 'The average of models, the uniform soup: w = Σ c_i w_i / Σ c_i.',
  on: 'tensors',
  models: { least: 1, most: Infinity },
  schema: z.strictObject({
    coefficients: z
      .array(z.number().positive())
      .optional()
      .describe('Weight of each model, in their order; equal unless given'),
  }),
  operate({ models }, { coefficients }) {
    if (coefficients && coefficients.length !== models.length) {
      throw new RangeError(`Expected ${models.length} coefficients, one a model, but found ${coefficients.length}`);
    }
    const shares = coefficients ?? models.map(() => 1);
    const total = shares.reduce((sum, share) => sum + share, 0);
    const values = Float32Array.from(models[0] ?? [], (_, at) => {
      let sum = 0;
      models.forEach((model, index) => (sum += (shares[index] ?? 0) * (model[at] ?? 0)));
      return sum / total;
    });
    return { values };
  },
});
