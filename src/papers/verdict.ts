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
  /** What the other arm left to gain, in the mean over the seeds; there where the expectation has a limit. */
  readonly room?: number;
  readonly verdict: Verdict;
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

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
  const { figure, of = 'level', arm, than, is, limit } = expectation;
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
  const best = typeof limit === 'string' ? meanOf(valuesOf(limit)) : limit;
  const room = best === undefined ? {} : { room: sign * (best - meanOf(theirs)) };
  return { ...expectation, differences, mean, interval, ...room, verdict };
}

/** An outcome in a sentence, with what the test could see: half of the interval, beside what there was to gain. */
export function outcomeText(outcome: Outcome, digits: number): string {
  const { figure, of, arm, than, is, mean, interval, room, verdict } = outcome;
  const rounded = (value: number): number => Number(value.toPrecision(digits));
  const [low, high] = interval;
  const what = of === 'spread' ? `spread of ${figure}` : figure;
  const seen = low === high ? 'the same on every seed' : `seen from ${rounded((high - low) / 2)} on`;
  const gain = room === undefined ? '' : room > 0 ? `, ${rounded(room)} to gain` : ', nothing to gain';
  return `${what} of ${arm} ${is} than of ${than}: by ${rounded(mean)} (95% interval ${rounded(low)} to ${rounded(high)}): ${verdict}; ${seen}${gain}`;
}

/** Reproduced where every expectation is; not where one is contradicted. */
export function verdictOf(outcomes: readonly Pick<Outcome, 'verdict'>[]): Verdict {
  if (outcomes.some(({ verdict }) => verdict === 'not reproduced')) return 'not reproduced';
  return outcomes.every(({ verdict }) => verdict === 'reproduced') ? 'reproduced' : 'inconclusive';
}
