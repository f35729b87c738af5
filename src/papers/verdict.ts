import { meanInterval } from '../loop/meanInterval.ts';
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
