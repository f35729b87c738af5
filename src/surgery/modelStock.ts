import { z } from 'zod';
import { defineSurgery } from './surgery.ts';

/** Mean over pairs of ⟨d_i, d_j⟩ / (|d_i| |d_j|), d_i = w_i - w_0; 0 where a model has not moved. */
function meanCosine(base: Float32Array, models: readonly Float32Array[]): number {
  const products = models.map(() => models.map(() => 0));
  const offsets = new Float64Array(models.length);
  for (let at = 0; at < base.length; at++) {
    models.forEach((model, i) => (offsets[i] = (model[at] ?? 0) - (base[at] ?? 0)));
    products.forEach((row, i) => {
      for (let j = 0; j <= i; j++) row[j] = (row[j] ?? 0) + (offsets[i] ?? 0) * (offsets[j] ?? 0);
    });
  }
  const product = (i: number, j: number): number => products[i]?.[j] ?? 0;
  const cosines = models.flatMap((_, i) =>
    models.slice(0, i).map((_other, j) => {
      const norms = Math.sqrt(product(i, i) * product(j, j));
      return norms === 0 ? 0 : Math.max(-1, Math.min(1, product(i, j) / norms));
    }),
  );
  return cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length;
}

/**
 * Model Stock: the foot of the perpendicular from the centre of fine-tuned weights on the plane through the pretrained
 * ones and k fine-tuned ones, for each tensor by itself: w = t mean_i(w_i) + (1 - t) w_0, t = k cos θ / ((k - 1) cos θ + 1),
 * cos θ the mean over pairs of the angle between w_i - w_0. Jang et al. 2024, equation 4 and, for k > 2, equation 7. The
 * paper does not say what becomes of t where the offsets point apart: it is 0 then, the pretrained weights.
 */
export const modelStock = defineSurgery({
  type: 'model-stock',
  about: 'Model Stock (2024): tuned models averaged and drawn back to their base by the angle between them.',
  on: 'tensors',
  models: { least: 2, most: Infinity },
  schema: z.strictObject({}),
  operate({ base, models }) {
    const cosine = meanCosine(base, models);
    const count = models.length;
    const ratio = cosine <= 0 ? 0 : (count * cosine) / ((count - 1) * cosine + 1);
    const values = base.map((from, at) => {
      let sum = 0;
      for (const model of models) sum += model[at] ?? 0;
      return (ratio * sum) / count + (1 - ratio) * from;
    });
    return { values, figures: { cosine, ratio } };
  },
});
