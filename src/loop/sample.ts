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

/** How many of the largest values, in descending order, the filters keep: top-k first, then top-p of what is left. */
function keptCount(ascending: Float32Array, { temperature, topK, topP }: SamplingOptions): number {
  const size = ascending.length;
  const count = topK > 0 ? Math.min(topK, size) : size;
  if (topP >= 1) return count;
  const top = ascending[size - 1] ?? 0;
  const weight = (rank: number): number => Math.exp(((ascending[size - 1 - rank] ?? 0) - top) / temperature);
  let total = 0;
  for (let rank = 0; rank < count; rank++) total += weight(rank);
  let reached = 0;
  let kept = 0;
  while (kept < count && reached < topP * total) reached += weight(kept++);
  return kept;
}

/** The ids that the filters keep, in their own order; of equal logits at the edge the lower ids stay. */
function candidates(logits: Float32Array, options: SamplingOptions): Uint32Array {
  if (options.topK === 0 && options.topP >= 1) return Uint32Array.from(logits, (_, id) => id);
  const ascending = logits.slice().sort();
  const count = keptCount(ascending, options);
  const edge = ascending[ascending.length - count] ?? Number.POSITIVE_INFINITY;
  let ties = count;
  for (const logit of logits) if (logit > edge) ties--;
  const kept: number[] = [];
  logits.forEach((logit, id) => {
    if (logit > edge || (logit === edge && ties-- > 0)) kept.push(id);
  });
  return Uint32Array.from(kept);
}

/**
 * Draws a token from the logits of one row at a temperature above 0, by inversion of one uniform number. The filters
 * come in transformers' order: temperature, top-k, top-p.
 */
export function sampleToken(logits: Float32Array, options: SamplingOptions, prompt: number, position: number): number {
  const kept = candidates(logits, options);
  const top = kept.reduce((most, id) => Math.max(most, logits[id] ?? 0), Number.NEGATIVE_INFINITY);
  const weights = Float64Array.from(kept, (id) => Math.exp(((logits[id] ?? 0) - top) / options.temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!Number.isFinite(total)) throw new RangeError(`Expected finite logits but found ${top}`);
  let left = uniform(options.seed, prompt, position) * total;
  for (let i = 0; i < weights.length; i++) {
    left -= weights[i] ?? 0;
    if (left < 0) return kept[i] ?? 0;
  }
  return kept.at(-1) ?? 0;
}
