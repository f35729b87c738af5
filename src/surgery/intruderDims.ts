import { z } from 'zod';
import { columnSimilarities } from '../runtime/linalg/similarity.ts';
import { defineSurgery } from './surgery.ts';

/**
 * Weakens a tuned weight's intruder dimensions: W' = W + (λ - 1) Σ_j s_j u_j v_jᵀ over those of its first `topK` singular
 * directions whose left vector no left vector of the base resembles: max_i |⟨u_j, u⁰_i⟩| < ε. Shuttleworth et al. 2024,
 * LoRA vs Full Fine-tuning: An Illusion of Equivalence, algorithm 1 and section 5.
 */
export const intruderDims = defineSurgery({
  type: 'intruder-dims',
  about: 'Scales down singular directions of a tuned model that its base does not have (intruder dimensions, 2024).',
  on: 'linears',
  models: { least: 1, most: 1 },
  schema: z.strictObject({
    lambda: z.number().min(0).max(1).default(0.75).describe('What is left of an intruder: 0 takes it away, 1 keeps it'),
    epsilon: z
      .number()
      .min(0)
      .max(1)
      .default(0.5)
      .describe('Similarity to every direction of the base below which one intrudes'),
    topK: z.number().int().min(1).default(10).describe('Leading singular directions that are looked at'),
  }),
  async operate({ shape, base, models: [tuned = base] }, { lambda, epsilon, topK }, { linalg }) {
    const [rows = 0, columns = 0] = shape;
    if (tuned.every((value, at) => value === base[at])) return { values: tuned };
    const [before, after] = await Promise.all([
      linalg.svd({ shape, data: Float64Array.from(base) }),
      linalg.svd({ shape, data: Float64Array.from(tuned) }),
    ]);
    const similarities = columnSimilarities(after.u, before.u, topK);
    const intruders = similarities.flatMap((similarity, j) => (similarity < epsilon ? [j] : []));
    const rank = after.s.data.length;
    const values = Float64Array.from(tuned);
    for (const j of intruders) {
      const scale = (lambda - 1) * (after.s.data[j] ?? 0);
      for (let row = 0; row < rows; row++) {
        const factor = scale * (after.u.data[row * rank + j] ?? 0);
        for (let column = 0; column < columns; column++) {
          const at = row * columns + column;
          values[at] = (values[at] ?? 0) + factor * (after.vt.data[j * columns + column] ?? 0);
        }
      }
    }
    return { values: Float32Array.from(values), figures: { intruders: intruders.length } };
  },
});
