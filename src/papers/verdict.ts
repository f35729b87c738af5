import { at } from '../ir/graph.ts';
import { meanInterval } from '../loop/meanInterval.ts';
import type { Expectation, Figures } from './recipe.ts';

export type Verdict = 'reproduced' | 'not reproduced' | 'inconclusive';

/** An expectation beside what was measured. */
export interface Outcome extends Expectation {
  /** By seed: arm less the other, in the claimed direction; of a spread, of the distances from the arm's median. */
  readonly differences: readonly number[];
  readonly mean: number;
  /** 95% interval of the mean, by Student's t over the seeds. */
  readonly interval: readonly [low: number, high: number];
  readonly verdict: Verdict;
}

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (at(sorted, Math.floor(middle)) + at(sorted, Math.ceil(middle))) / 2;
};

/** |x_i - median x|, whose mean is how far a figure spreads. */
export function distancesFromMedian(values: readonly number[]): number[] {
  const middle = median(values);
  return values.map((value) => Math.abs(value - middle));
}

/**
 * An expectation against the figures of each seed, by arm. Differences are paired: all arms of a seed see the same data. A spread is
 * judged by the same test on distances from the arm's median (Brown & Forsythe 1974, paired), which bears figures that are far
 * from normal, as failed runs make them.
 */
export function judge(expectation: Expectation, seeds: readonly Readonly<Record<string, Figures>>[]): Outcome {
  const { figure, of = 'level', arm, than, is } = expectation;
  const sign = is === 'higher' ? 1 : -1;
  const valuesOf = (name: string): readonly number[] => {
    const values = seeds.map((arms) => {
      const value = arms[name]?.[figure];
      if (value === undefined) throw new RangeError(`Expected figure ${figure} of arm ${name} but found none`);
      return value;
    });
    return of === 'spread' ? distancesFromMedian(values) : values;
  };
  const [ours, theirs] = [valuesOf(arm), valuesOf(than)];
  const differences = ours.map((value, seed) => sign * (value - at(theirs, seed)));
  const { mean, interval } = meanInterval(differences);
  const [low, high] = interval;
  const verdict = low > 0 ? 'reproduced' : high < 0 ? 'not reproduced' : 'inconclusive';
  return { ...expectation, differences, mean, interval, verdict };
}

/** An outcome in a sentence. */
export function outcomeText(outcome: Outcome, digits: number): string {
  const { figure, of, arm, than, is, mean, interval, verdict } = outcome;
  const [by, low, high] = [mean, ...interval].map((value) => Number(value.toPrecision(digits)));
  const what = of === 'spread' ? `spread of ${figure}` : figure;
  return `${what} of ${arm} ${is} than of ${than}: by ${by} (95% interval ${low} to ${high}): ${verdict}`;
}

/** Reproduced where every expectation is; not where one is contradicted. */
export function verdictOf(outcomes: readonly Pick<Outcome, 'verdict'>[]): Verdict {
  if (outcomes.some(({ verdict }) => verdict === 'not reproduced')) return 'not reproduced';
  return outcomes.every(({ verdict }) => verdict === 'reproduced') ? 'reproduced' : 'inconclusive';
}
