import type { Expectation, Figures } from './recipe.ts';

export type Verdict = 'reproduced' | 'not reproduced' | 'inconclusive';

/** An expectation beside what was measured. */
export interface Outcome extends Expectation {
  /** By seed: arm less the other, in the claimed direction. */
  readonly differences: readonly number[];
  readonly mean: number;
  /** 95% interval of the mean, by Student's t over the seeds. */
  readonly interval: readonly [low: number, high: number];
  readonly verdict: Verdict;
}

/** Two-sided 95% quantiles of Student's t for 1 to 30 degrees of freedom. */
const quantiles = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** Mean and its 95% interval; RangeError for fewer than two values. */
export function meanInterval(values: readonly number[]): {
  readonly mean: number;
  readonly interval: readonly [number, number];
} {
  const count = values.length;
  if (count < 2) throw new RangeError(`Expected at least two seeds for an interval but found ${count}`);
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = (quantiles[count - 2] ?? 1.96) * Math.sqrt(variance / count);
  return { mean, interval: [mean - half, mean + half] };
}

/** An expectation against the figures of each seed, by arm. Differences are paired: all arms of a seed see the same data. */
export function judge(expectation: Expectation, seeds: readonly Readonly<Record<string, Figures>>[]): Outcome {
  const { figure, arm, than, is } = expectation;
  const sign = is === 'higher' ? 1 : -1;
  const of = (figures: Figures | undefined, name: string): number => {
    const value = figures?.[figure];
    if (value === undefined) throw new RangeError(`Expected figure ${figure} of arm ${name} but found none`);
    return value;
  };
  const differences = seeds.map((arms) => sign * (of(arms[arm], arm) - of(arms[than], than)));
  const { mean, interval } = meanInterval(differences);
  const [low, high] = interval;
  const verdict = low > 0 ? 'reproduced' : high < 0 ? 'not reproduced' : 'inconclusive';
  return { ...expectation, differences, mean, interval, verdict };
}

/** Reproduced where every expectation is; not where one is contradicted. */
export function verdictOf(outcomes: readonly Pick<Outcome, 'verdict'>[]): Verdict {
  if (outcomes.some(({ verdict }) => verdict === 'not reproduced')) return 'not reproduced';
  return outcomes.every(({ verdict }) => verdict === 'reproduced') ? 'reproduced' : 'inconclusive';
}
