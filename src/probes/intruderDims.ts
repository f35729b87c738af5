import { z } from 'zod';
import { columnSimilarities } from '../runtime/linalg/similarity.ts';
import { changedLinears, linearNames } from './linearPairs.ts';
import { defineProbe, type Measurement } from './probe.ts';

/**
 * Intruder dimensions: those of the first `topK` left singular vectors u_j of a tuned weight [out, in] that no left singular
 * vector of the weight before resembles, m_j = max_i |⟨u_j, u⁰_i⟩| < ε. Shuttleworth et al. 2024, LoRA vs Full Fine-tuning:
 * An Illusion of Equivalence, algorithm 1.
 */
export const intruderDims = defineProbe({
  type: 'intruder-dims',
  about: 'Singular directions of the tuned weights that the weights before did not have (2024).',
  unit: 'directions, summed over linear layers',
  direction: 'lower is closer',
  cost: 'Two singular value decompositions a changed linear layer',
  noise: 'None: computed in f64',
  zero: 0,
  schema: z.strictObject({
    epsilon: z
      .number()
      .min(0)
      .max(1)
      .default(0.5)
      .describe('Similarity to every direction before below which one intrudes'),
    topK: z.number().int().min(1).default(10).describe('Leading singular directions that are looked at'),
    layers: z
      .array(z.number().int().min(0))
      .min(1)
      .optional()
      .describe('Numbers of the blocks whose layers are looked at; all unless given'),
  }),
  async measure({ before, after }, { epsilon, topK, layers }, { linalg, onProgress, signal }) {
    const places: Record<string, Measurement['places'][string]> = {};
    const names = linearNames(before, layers);
    let value = 0;
    for await (const { name, shape, before: from, after: to } of changedLinears(before, after, names)) {
      signal?.throwIfAborted();
      const [own, tuned] = await Promise.all(
        [from, to].map((values) => linalg.svd({ shape, data: Float64Array.from(values) })),
      );
      if (!own || !tuned) continue;
      const similarities = columnSimilarities(tuned.u, own.u, topK);
      const intruders = similarities.filter((similarity) => similarity < epsilon).length;
      value += intruders;
      places[name] = { intruders, similarities };
      onProgress?.(Object.keys(places).length, names.length);
    }
    return { value, places };
  },
});
