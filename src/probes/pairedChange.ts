/** A mean with its 95% interval, where there is more than one text to tell it from. */
export interface Estimate {
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
}

/** 97.5% of the normal distribution lie below. */
const z = 1.959963984540054;

/**
 * Σ x / Σ n over texts of n tokens each, with the standard error of a ratio when texts are drawn independently:
 * se² = k / (k - 1) Σ (x_i - r n_i)² / (Σ n)². One text has no interval. RangeError without tokens.
 */
export function ratioEstimate(sums: readonly number[], counts: readonly number[]): Estimate {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (!(total > 0)) throw new RangeError('Expected at least one token to measure but found none');
  const value = sums.reduce((sum, each) => sum + each, 0) / total;
  const k = counts.length;
  const squares = sums.reduce((sum, each, i) => sum + (each - value * (counts[i] ?? 0)) ** 2, 0);
  if (k < 2) return { value };
  const half = (z * Math.sqrt((k / (k - 1)) * squares)) / total;
  return { value, low: value - half, high: value + half };
}

/** Natural log-probabilities of the same tokens, text by text. */
export type TextLogprobs = readonly (readonly number[])[];

const perText = (before: TextLogprobs, after: TextLogprobs, f: (from: number, to: number) => number): Estimate =>
  ratioEstimate(
    before.map((text, i) => text.reduce((sum, from, t) => sum + f(from, after[i]?.[t] ?? Number.NaN), 0)),
    before.map((text) => text.length),
  );

/** How much more a token costs than before, in nats; paired by text. */
export const lossChange = (before: TextLogprobs, after: TextLogprobs): Estimate =>
  perText(before, after, (from, to) => from - to);

/**
 * KL(before‖after) in nats a token from texts that `before` sampled: the mean of r - 1 - ln r, r = p_after / p_before, which
 * has the same expectation as -ln r, is never negative and varies less (Schulman 2020, Approximating KL Divergence, k3).
 */
export const sampledKl = (before: TextLogprobs, after: TextLogprobs): Estimate => {
  const found = perText(before, after, (from, to) => Math.expm1(to - from) - (to - from));
  return found.low === undefined ? found : { ...found, low: Math.max(0, found.low) };
};

/** Mean loss in nats a token. */
export const meanOf = (texts: TextLogprobs): number =>
  -texts.flat().reduce((sum, each) => sum + each, 0) / texts.reduce((sum, text) => sum + text.length, 0);
