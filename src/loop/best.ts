import { describe, isRecord } from '../hub/json.ts';
import type { TuneConfig } from './config.ts';
import type { EvalEvent } from './events.ts';
import type { Stateful } from './stateful.ts';

/** What of an evaluation can be compared. */
export type EvalMetric = 'evalLoss' | 'accuracy' | 'reward';

/** The best evaluation so far. */
export interface Best {
  readonly step: number;
  readonly metric: EvalMetric;
  readonly value: number;
}

/** Watches evaluations for the best one and for how long none was better. */
export interface BestWatch extends Stateful {
  best(): Best | undefined;
  /** Takes up an evaluation; true where it is the best after a step so far. One that it knows changes nothing. */
  note(event: Pick<EvalEvent, 'step' | EvalMetric>): boolean;
  /** How much better the best is than an evaluation; undefined where one of them is not there. */
  gainOver(event: Pick<EvalEvent, EvalMetric>): number | undefined;
  /** Whether as many evaluations in a row as the patience allows brought nothing. */
  exhausted(): boolean;
  /** Patience begins anew. */
  rest(): void;
}

type BestOptions = Pick<TuneConfig['train'], 'greaterIsBetter' | 'earlyStoppingPatience' | 'earlyStoppingThreshold'> & {
  readonly metricForBestModel: EvalMetric;
};

/**
 * The best model and early stopping as transformers has them (Trainer, EarlyStoppingCallback): an evaluation is the best
 * where its metric is better than all before, and uses up patience unless it is better by more than the threshold.
 */
export function bestWatch({
  metricForBestModel: metric,
  greaterIsBetter = metric !== 'evalLoss',
  earlyStoppingPatience: patience,
  earlyStoppingThreshold: threshold = 0,
}: BestOptions): BestWatch {
  const gain = (value: number, over: number): number => (greaterIsBetter ? value - over : over - value);
  let best: Best | undefined;
  let [waited, seen] = [0, 0];
  return {
    name: 'best',
    version: 1,
    save: async () => ({ data: { ...(best ? { best } : {}), waited, seen } }),
    load: async ({ data }) => {
      if (!isRecord(data) || !Number.isSafeInteger(data['waited']) || !Number.isSafeInteger(data['seen']))
        throw new RangeError(`Expected the best evaluation so far but found ${describe(data)}`);
      const { best: saved } = data;
      if (
        saved !== undefined &&
        !(isRecord(saved) && Number.isSafeInteger(saved['step']) && Number.isFinite(saved['value']))
      )
        throw new RangeError(`Expected the step and value of the best evaluation but found ${describe(saved)}`);
      best = saved as Best | undefined;
      [waited, seen] = [data['waited'] as number, data['seen'] as number];
    },
    best: () => best,
    note: (event) => {
      // That before the first step is none of a trained model.
      if (event.step <= seen) return false;
      seen = event.step;
      const value = event[metric] ?? Number.NaN;
      const gained = best === undefined ? Infinity : gain(value, best.value);
      const isBest = !Number.isNaN(value) && gained > 0;
      waited = isBest && gained > threshold ? 0 : waited + 1;
      if (isBest) best = { step: event.step, metric, value };
      return isBest;
    },
    gainOver: (event) => {
      const other = event[metric];
      return best === undefined || other === undefined ? undefined : gain(best.value, other);
    },
    exhausted: () => patience !== undefined && waited >= patience,
    rest: () => {
      waited = 0;
    },
  };
}
