import type { TrainExample } from '../data/examples.ts';
import { rowsOfFiles } from '../data/sources.ts';
import { prepareDataset } from '../data/dataset.ts';
import { sizeOf } from '../ir/types.ts';
import { type Estimate, lossChange, meanOf, sampledKl } from '../probes/pairedChange.ts';
import type { TuneConfig } from './config.ts';
import type { ForgettingEvent, TextFigures } from './events.ts';
import type { RunPlan } from './plan.ts';
import { type ReadyModel, tokenizerOf } from './readyModel.ts';
import {
  examplesIn,
  logprobsOf,
  measureBase,
  readBase,
  type RetentionBase,
  type RetentionTexts,
  retentionTexts,
  retentionWork,
  type SetName,
} from './retentionBase.ts';
import { promptOf, retentionRows } from './retentionTexts.ts';
import type { RunTask } from './task.ts';
import type { Work } from './work.ts';
import { wilson } from './wilson.ts';
import { withoutAdapter } from './withoutAdapter.ts';

/** Measures what the model as it is now has kept of its base. */
export type Retention = (step: number) => Promise<ForgettingEvent>;

/**
 * The config with the steps between measurements, halfway and at the end unless it says others: a run that is repeated or
 * goes on measures at the same ones.
 */
export const withSchedule = (config: TuneConfig, steps: number): TuneConfig =>
  config.forgetting.measure
    ? { ...config, forgetting: { steps: Math.max(1, Math.ceil(steps / 2)), ...config.forgetting } }
    : config;

/** Texts of the user's that should not be forgotten. */
async function userTexts(loaded: ReadyModel, path: string | undefined): Promise<TrainExample[] | undefined> {
  if (path === undefined) return undefined;
  const { examples } = await prepareDataset(rowsOfFiles([path], {}), tokenizerOf(loaded), {
    maxLength: 256,
    loss: 'all',
  });
  const count = Math.min(examples.count, 8 * retentionRows);
  if (count === 0) throw new RangeError(`${path}: expected texts that should not be forgotten but found none`);
  return Array.from({ length: count }, (_, i) => ({ ...examples.at(i), index: i }));
}

/** What will be measured of what a run forgets. */
export interface RetentionPlan {
  readonly loaded: ReadyModel;
  readonly texts: RetentionTexts;
  /** What each measurement takes, and the base's, which comes first. */
  readonly work: { readonly base: Work; readonly again: Work };
}

/** Undefined where nothing is to be measured, or nothing can be: classifiers, and models without a tokenizer. Throws RangeError where a limit could not be watched. */
export async function planRetention(
  config: TuneConfig,
  { language }: RunTask,
  plan: Pick<RunPlan, 'firstExamples'>,
): Promise<RetentionPlan | undefined> {
  const { measure, max, data } = config.forgetting;
  if (!measure) return undefined;
  if (!language?.tokenizer) {
    if (max === undefined) return undefined;
    throw new RangeError(
      'forgetting.max: expected a language model with a tokenizer, whose forgetting can be measured',
    );
  }
  const texts = retentionTexts(language, {
    parameters: language.model.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    targetPrompts: plan.firstExamples(retentionRows, () => true).examples.map(promptOf),
    user: await userTexts(language, data),
  });
  return { loaded: language, texts, work: retentionWork(withoutAdapter(language), language, texts) };
}

/** The base's figures: the run's own where it goes on, else measured on the model before its first step. */
export async function retentionBase(
  { loaded, texts }: RetentionPlan,
  runFolder: string | undefined,
): Promise<RetentionBase | undefined> {
  if (runFolder !== undefined) return readBase(runFolder);
  const base = withoutAdapter(loaded);
  try {
    return await measureBase(base, texts);
  } finally {
    await base.close();
  }
}

const join = (texts: readonly (readonly number[][])[]): number[][] => texts.flat();

/** Right where the right answer is the likelier of the two. */
function abilityFigures(logprobs: readonly (readonly number[])[]): ForgettingEvent['abilities'] {
  const total = (text: readonly number[] | undefined): number =>
    text?.reduce((sum, each) => sum + each, 0) ?? Number.NaN;
  const margins = Array.from(
    { length: logprobs.length / 2 },
    (_, i) => total(logprobs[2 * i]) - total(logprobs[2 * i + 1]),
  );
  const right = margins.filter((margin) => margin > 0).length;
  const [low, high] = wilson(right, margins.length);
  return {
    right,
    of: margins.length,
    low,
    high,
    marginNats: margins.reduce((sum, each) => sum + each, 0) / margins.length,
  };
}

/** Compares with the base's figures. A model that starts as its base, without an adapter to go on from, is not scored again before its first step. */
export function retentionOf(
  loaded: ReadyModel,
  { sets }: RetentionBase,
  { startsAsBase }: { readonly startsAsBase: boolean },
): Retention {
  return async (step) => {
    const begun = performance.now();
    const now = new Map<SetName, number[][]>();
    for (const [name, set] of Object.entries(sets) as [SetName, RetentionBase['sets'][SetName]][])
      if (set) now.set(name, step === 0 && startsAsBase ? set.logprobs : await logprobsOf(loaded, examplesIn(set)));
    const pair = (name: SetName): [number[][], number[][]] => [sets[name]?.logprobs ?? [], now.get(name) ?? []];
    const figures = (name: SetName): TextFigures => {
      const [before, after] = pair(name);
      return { loss: meanOf(after), baseLoss: meanOf(before), change: lossChange(before, after) };
    };
    const kept: readonly SetName[] = sets.user ? ['user'] : ['general', 'own'];
    const forgetting: Estimate = lossChange(
      join(kept.map((name) => pair(name)[0])),
      join(kept.map((name) => pair(name)[1])),
    );
    return {
      type: 'forgetting',
      step,
      forgetting,
      texts: {
        general: figures('general'),
        own: figures('own'),
        ...(sets.user ? { user: figures('user') } : {}),
      },
      abilities: abilityFigures(pair('abilities')[1]),
      klNats: { own: sampledKl(...pair('own')), target: sampledKl(...pair('target')) },
      measureMs: performance.now() - begun,
    };
  };
}
