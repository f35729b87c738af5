import { philox, randomKey, uniformOf } from '../ir/random.ts';

export interface SamplingOptions {
  /** Divides the logits; 0 takes the most likely token. */
  readonly temperature: number;
  /** Keeps the k most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Keeps the smallest set of most likely tokens whose probability reaches p (Holtzman et al. 2020, §3.1); 1 keeps all. */
  readonly topP: number;
  /** Keeps tokens of at least this share of the most likely one's probability (Nguyen et al. 2024, eq. 2); 0 keeps all. */
  readonly minP: number;
  /** Divides positive logits of tokens that were there already and multiplies negative ones (Keskar et al. 2019, §4.1); 1 leaves them. */
  readonly repetitionPenalty: number;
  readonly seed: number;
}

/** Greedy, with nothing filtered. */
export const greedySampling: SamplingOptions = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  seed: 0,
};

/** What a draw's randomness is a function of, beside the seed. */
export interface DrawKey {
  /** Number of the prompt. */
  readonly prompt: number;
  /** Number of the sample of that prompt. */
  readonly sample: number;
  /** Place among the new tokens. */
  readonly position: number;
}

/** A uniform number of (seed, prompt, sample, position): the same however prompts are batched. */
function uniform(seed: number, { prompt, sample, position }: DrawKey): number {
  const [k0, k1] = randomKey(seed, 'sample');
  const block = new Uint32Array(4);
  philox(block, 0, k0, k1, position, prompt, sample, 0);
  return uniformOf(block[0] ?? 0);
}

/** Applies the repetition penalty to the logits of `seen` tokens, in place. */
export function penalise(logits: Float32Array, seen: Iterable<number>, penalty: number): void {
  if (penalty === 1) return;
  for (const id of new Set(seen)) {
    const logit = logits[id] ?? 0;
    logits[id] = logit < 0 ? logit * penalty : logit / penalty;
  }
}

/** How many of the largest values, in descending order, the filters keep: top-k, then top-p and min-p of what is left. */
function keptCount(ascending: Float32Array, { temperature, topK, topP, minP }: SamplingOptions): number {
  const size = ascending.length;
  let count = topK > 0 ? Math.min(topK, size) : size;
  const top = ascending[size - 1] ?? 0;
  const weight = (rank: number): number => Math.exp(((ascending[size - 1 - rank] ?? 0) - top) / temperature);
  if (topP < 1) {
    let total = 0;
    for (let rank = 0; rank < count; rank++) total += weight(rank);
    let reached = 0;
    let kept = 0;
    while (kept < count && reached < topP * total) reached += weight(kept++);
    count = kept;
  }
  while (minP > 0 && count > 1 && weight(count - 1) < minP) count--;
  return count;
}

/** The ids that the filters keep, in their own order; of equal logits at the edge the lower ids stay. */
function candidates(logits: Float32Array, options: SamplingOptions): Uint32Array {
  if (options.topK === 0 && options.topP >= 1 && options.minP === 0) return Uint32Array.from(logits, (_, id) => id);
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

/** The most likely token; of equal ones the first. Throws RangeError when all are -∞ or one is NaN. */
function mostLikely(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if ((logits[id] ?? 0) > (logits[best] ?? 0)) best = id;
  if (!Number.isFinite(logits[best])) throw new RangeError(`Expected finite logits but found ${logits[best]}`);
  return best;
}

/** A token and its log-probability in nats under the distribution that it was drawn from. */
export interface Draw {
  readonly id: number;
  readonly logprob: number;
}

/** The tokens that may be drawn, and their probabilities. */
export interface TokenLaw {
  readonly ids: Uint32Array;
  readonly probabilities: Float64Array;
}

/**
 * The law of the next token at a temperature above 0. The filters come in transformers' order: temperature, top-k, top-p,
 * min-p. Throws RangeError on NaN.
 */
export function tokenLaw(logits: Float32Array, options: SamplingOptions): TokenLaw {
  const ids = candidates(logits, options);
  const top = ids.reduce((most, id) => Math.max(most, logits[id] ?? 0), Number.NEGATIVE_INFINITY);
  const weights = Float64Array.from(ids, (id) => Math.exp(((logits[id] ?? 0) - top) / options.temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!Number.isFinite(total)) throw new RangeError(`Expected finite logits but found ${top}`);
  return { ids, probabilities: weights.map((weight) => weight / total) };
}

/** Draws a token from the logits of one row by inversion of one uniform number; at temperature 0 takes the most likely one. */
export function sampleToken(logits: Float32Array, options: SamplingOptions, key: DrawKey): Draw {
  if (options.temperature === 0) return { id: mostLikely(logits), logprob: 0 };
  const { ids, probabilities } = tokenLaw(logits, options);
  let left = uniform(options.seed, key);
  let chosen = 0;
  for (let i = 0; i < probabilities.length; i++) {
    const probability = probabilities[i] ?? 0;
    if (probability > 0) chosen = i;
    left -= probability;
    if (left < 0) break;
  }
  return { id: ids[chosen] ?? 0, logprob: Math.log(probabilities[chosen] ?? 0) };
}

/** ln Σ exp z, without overflow. */
export function logSumExp(logits: Float32Array): number {
  const top = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return top + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - top), 0));
}

/** The `count` most likely tokens with their log-probabilities in nats, most likely first. */
export function topLogprobs(logits: Float32Array, count: number): { readonly id: number; readonly logprob: number }[] {
  const total = logSumExp(logits);
  const best: { id: number; logprob: number }[] = [];
  for (let id = 0; id < logits.length && count > 0; id++) {
    const logprob = (logits[id] ?? 0) - total;
    if (best.length === count && logprob <= (best.at(-1)?.logprob ?? 0)) continue;
    const place = best.findIndex((each) => each.logprob < logprob);
    best.splice(place < 0 ? best.length : place, 0, { id, logprob });
    if (best.length > count) best.pop();
  }
  return best;
}
