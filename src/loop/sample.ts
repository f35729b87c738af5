import { philox, randomKey, uniformOf } from '../ir/random.ts';

export interface SamplingOptions {
  /** Divides the logits; 0 takes the most likely token. */
  readonly temperature: number;
  /** Keeps the k most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Keeps the smallest set of most likely tokens whose probability reaches p (Holtzman et al. 2020, §3.1); 1 keeps all. */
  readonly topP: number;
  readonly seed: number;
}

/** A uniform number of (seed, prompt, position): the same however prompts are batched. */
function uniform(seed: number, prompt: number, position: number): number {
  const [k0, k1] = randomKey(seed, 'sample');
  const block = new Uint32Array(4);
  philox(block, 0, k0, k1, position, prompt, 0, 0);
  return uniformOf(block[0] ?? 0);
}

/** Draws a token from the logits of one row. Order of the filters as transformers': temperature, top-k, top-p. */
export function sampleToken(logits: Float32Array, options: SamplingOptions, prompt: number, position: number): number {
  const { temperature, topK, topP, seed } = options;
  const order = Uint32Array.from(logits, (_, i) => i).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
  const kept = order.subarray(0, topK > 0 ? Math.min(topK, order.length) : order.length);
  const top = logits[kept[0] ?? 0] ?? 0;
  const weights = Float64Array.from(kept, (id) => Math.exp(((logits[id] ?? 0) - top) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let count = weights.length;
  if (topP < 1) {
    let reached = 0;
    count = 0;
    while (count < weights.length && reached < topP * total) reached += weights[count++] ?? 0;
  }
  const mass = weights.subarray(0, count).reduce((sum, weight) => sum + weight, 0);
  let left = uniform(seed, prompt, position) * mass;
  for (let i = 0; i < count; i++) {
    left -= weights[i] ?? 0;
    if (left < 0) return kept[i] ?? 0;
  }
  return kept[count - 1] ?? 0;
}
