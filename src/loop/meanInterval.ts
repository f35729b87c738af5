/** Two-sided 95% quantiles of Student's t for 1 to 30 degrees of freedom. */
const quantiles = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** The two-sided 95% quantile of Student's t; from 31 degrees of freedom on by its expansion about the normal one (Abramowitz & Stegun 26.7.5). */
function quantile(freedom: number): number {
  const z = 1.959964;
  const expanded = z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2);
  return quantiles[freedom - 1] ?? expanded;
}

/** Mean and its 95% interval by Student's t; RangeError for fewer than two values. */
export function meanInterval(values: readonly number[]): {
  readonly mean: number;
  readonly interval: readonly [low: number, high: number];
} {
  const count = values.length;
  if (count < 2) throw new RangeError(`Expected at least two seeds for an interval but found ${count}`);
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = quantile(count - 1) * Math.sqrt(variance / count);
  return { mean, interval: [mean - half, mean + half] };
}
