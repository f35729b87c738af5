/** What a group's grades are divided by: their own deviation, that of all groups, or nothing. */
export type ScaleRewards = 'group' | 'batch' | 'none';

const known = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);

/** Mean, NaN without a value. */
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Deviation of a sample, NaN for fewer than two values. */
function deviationOf(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

const orZero = (value: number): number => (Number.isNaN(value) ? 0 : value);

/**
 * Group-relative advantages: A_i = (r_i - mean r of its group) / (std + 1e-4), std of the group's grades, of all, or without
 * division (Shao et al. 2024, section 4.1.2; Liu et al. 2025 without). What has no grade counts in no mean and has A = 0.
 * TRL's GRPOTrainer, whose names the figures have: mean and deviation of all grades, share of those whose std is 0.
 */
export function groupAdvantages(
  grades: readonly (number | null)[],
  size: number,
  scale: ScaleRewards,
): { readonly advantages: number[]; readonly metrics: Readonly<Record<string, number>> } {
  const all = known(grades);
  const ofAll = deviationOf(all);
  const advantages: number[] = [];
  let zero = 0;
  for (let start = 0; start < grades.length; start += size) {
    const group = grades.slice(start, start + size);
    const [mean, own] = [meanOf(known(group)), deviationOf(known(group))];
    const deviation = scale === 'batch' ? ofAll : own;
    if (Math.abs(deviation) <= 1e-8) zero += group.length;
    for (const grade of group) {
      const gap = (grade ?? Number.NaN) - mean;
      advantages.push(orZero(scale === 'none' ? gap : gap / (deviation + 1e-4)));
    }
  }
  const figures = { reward: meanOf(all), rewardStd: ofAll, fracRewardZeroStd: zero / grades.length };
  // Numbers that are none have no place in metrics.
  const metrics = Object.fromEntries(Object.entries(figures).filter(([, value]) => !Number.isNaN(value)));
  return { advantages, metrics };
}
