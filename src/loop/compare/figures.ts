import type { DoneEvent, EvalEvent, ForgettingEvent, MetricsLine, StepEvent } from '../events.ts';
import { meanInterval } from '../meanInterval.ts';
import { outcomeOf } from '../outcome.ts';
import type { RunRecord } from '../runFolder.ts';

/** What methods are compared by; the first three make the front. */
export const figureNames = [
  'gain',
  'forgetting',
  'cpuSeconds',
  'trainSeconds',
  'klNats',
  'distance',
  'abilities',
  'peakBytes',
  'trainedParameters',
] as const;
export type FigureName = (typeof figureNames)[number];

/** One run's figures; what was not measured is left out. */
export type RunFigures = Partial<Record<FigureName, number>>;

/** What gain is told from: the mean grade of answers, the share of right ones, or the loss on held-out data. */
export type GainMeasure = 'score' | 'accuracy' | 'loss';

export const gainMeasure = (evaluation: EvalEvent): GainMeasure =>
  evaluation.reward === undefined ? (evaluation.accuracy === undefined ? 'loss' : 'accuracy') : 'score';

const gainOf: Readonly<Record<GainMeasure, (before: EvalEvent, after: EvalEvent) => number>> = {
  score: (before, after) => (after.reward ?? Number.NaN) - (before.reward ?? Number.NaN),
  accuracy: (before, after) => (after.accuracy ?? Number.NaN) - (before.accuracy ?? Number.NaN),
  loss: (before, after) => (before.evalLoss ?? Number.NaN) - (after.evalLoss ?? Number.NaN),
};

/** What a run that has ended came to, from its metrics. */
export function figuresOf(metrics: readonly MetricsLine[], { parameters }: RunRecord): RunFigures {
  const done = metrics.findLast((line): line is DoneEvent => line.type === 'done');
  if (done === undefined) return {};
  const evaluations = metrics.filter((line): line is EvalEvent => line.type === 'eval');
  const before = evaluations.find(({ step }) => step === 0);
  const after = evaluations.findLast(({ step }) => step === done.adapterStep);
  const { forgetting, drift } = outcomeOf(metrics, done.adapterStep);
  const steps = metrics.filter((line): line is StepEvent => line.type === 'step');
  const cpu = steps.map(({ cpuMs }) => cpuMs);
  const peaks = [...steps, done].flatMap(({ peakBytes }) => peakBytes ?? []);
  return {
    ...(before && after ? { gain: gainOf[gainMeasure(before)](before, after) } : {}),
    ...(forgetting
      ? {
          forgetting: forgetting.forgetting.value,
          klNats: forgetting.klNats.own.value,
          abilities: abilityShare(forgetting.abilities) - abilityShare(forgetting.abilitiesBefore),
        }
      : {}),
    ...(drift?.distance === undefined ? {} : { distance: drift.distance }),
    ...(cpu.every((ms) => ms !== undefined) ? { cpuSeconds: cpu.reduce((sum, ms) => sum + ms, 0) / 1000 } : {}),
    trainSeconds: steps.reduce((sum, { stepMs }) => sum + stepMs, 0) / 1000,
    ...(peaks.length === 0 ? {} : { peakBytes: peaks.reduce((most, peak) => Math.max(most, peak)) }),
    trainedParameters: parameters.trained,
  };
}

const abilityShare = ({ right, of }: ForgettingEvent['abilities']): number => right / of;

/** A mean over seeds, with its 95% interval (Student's t) where there are at least two. */
export interface Mean {
  readonly mean: number;
  readonly low?: number;
  readonly high?: number;
}

/** `least` is what no value can be below, so no interval either. */
export function meanOver(values: readonly number[], least = -Infinity): Mean {
  const [only] = values;
  if (only === undefined) throw new RangeError('Expected at least one value for a mean but found none');
  if (values.length === 1) return { mean: only };
  const { mean, interval } = meanInterval(values);
  return { mean, low: Math.max(least, interval[0]), high: interval[1] };
}

/** Costs this close to each other count as equal: timings repeat no better. */
export const equalCost = 0.05;

/** What the front is made of, and whether more of it is better. */
const frontSigns = { gain: 1, forgetting: -1, cpuSeconds: -1 } as const;
export type FrontFigure = keyof typeof frontSigns;

/** 1 where `a` is the better value, -1 where `b` is, 0 where they count as equal. */
function better(name: FrontFigure, a: number, b: number): number {
  if (name === 'cpuSeconds' && Math.max(a, b) <= (1 + equalCost) * Math.min(a, b)) return 0;
  return Math.sign(frontSigns[name] * (a - b));
}

/** Places of those that no other dominates, that is equals in every figure and surpasses in one: the Pareto front of gain, forgetting and cost, as far as all of them have these. */
export function front(all: readonly RunFigures[]): number[] {
  const names = (Object.keys(frontSigns) as FrontFigure[]).filter((name) =>
    all.every((figures) => figures[name] !== undefined),
  );
  const dominates = (one: RunFigures, other: RunFigures): boolean => {
    const signs = names.map((name) => better(name, one[name] ?? 0, other[name] ?? 0));
    return signs.every((sign) => sign >= 0) && signs.includes(1);
  };
  return all.flatMap((figures, i) => (all.some((other) => dominates(other, figures)) ? [] : [i]));
}
