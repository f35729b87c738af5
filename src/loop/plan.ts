import { type Batch, type Batches, makeBatches } from '../data/batches.ts';
import { type Cursor, makeCursor, type Window } from '../data/cursor.ts';
import type { TrainExample } from '../data/dataset.ts';
import { makeDataStep } from '../data/dataSteps.ts';
import type { Scratch } from '../data/examples.ts';
import type { TaskItem } from '../data/taskItem.ts';
import { mixedOrder } from '../data/mix.ts';
import { overlapOf } from '../data/overlap.ts';
import { type Loading, paddedLength } from '../data/padding.ts';
import { type DatasetSummary, overlapLines, paddingLine } from '../data/preview.ts';
import { learningRates } from '../optimizers/schedule.ts';
import type { TuneConfig } from './config.ts';
import { type RunData, readRunData } from './runData.ts';
import type { RunTask } from './task.ts';

/** What a run will do, known before its first step. */
export interface RunPlan {
  readonly summary: DatasetSummary;
  /** What will be trained on, in sentences. */
  readonly notes: readonly string[];
  /** One example with `+` before each learned token. */
  readonly example: readonly string[];
  readonly cursor: Cursor;
  /** Rows and tokens of the largest micro-batch that will come, and of the largest batch of evaluations. */
  readonly trainShape: { readonly batch: number; readonly length: number };
  /** Rows that the model answers at once, and the tokens of the longest prompt, where it does while training. */
  readonly answerShape?: { readonly batch: number; readonly prompt: number };
  readonly evalShape: { readonly batch: number; readonly length: number } | undefined;
  /** Places of an evaluation, padding included. */
  readonly evalPlaces: number;
  /** The first micro-batch, and how many of its size a step has on average; undefined where steps are made of the model's own answers. */
  readonly sample: { readonly batch: Batch; readonly passesPerStep: number } | undefined;
  /** The next window as it is trained on, for step 1, 2, … */
  readonly windowOf: (step: number) => Window;
  /** Batches of the evaluation data, where there is any. */
  readonly evaluation: (() => Iterable<Batch>) | undefined;
  /** The first evaluation examples that fit, or training examples where nothing is held out. */
  readonly firstExamples: (
    count: number,
    fits: (example: TrainExample) => boolean,
  ) => { readonly held: boolean; readonly examples: readonly TrainExample[] };
  /** Of prompts that the model answers by itself: what graders look at, by input line. */
  readonly items?: ReadonlyMap<number, TaskItem>;
  /** The same of the first evaluation prompts. */
  readonly heldItems?: (count: number) => readonly TaskItem[];
  /** Numbers of the first rows of the evaluation data. */
  readonly heldIndexes: (count: number) => number[];
  readonly steps: number;
  readonly stepsPerEpoch: number;
  /** Whether a step limit ends the run before its epochs do. */
  readonly limited: boolean;
  /** Learning rate of the step after `step` steps. */
  readonly learningRateAt: (step: number) => number;
}

function* onceThrough(batches: Batches): Generator<Batch> {
  for (let position = 0; position < batches.batchesPerEpoch; position++) yield batches.at(0, position);
}

/** Remarks on what training and evaluation data share, and on how much of a run is padding. */
function remarks({ train, held }: RunData, batches?: Batches, packed?: () => Batches): string[] {
  const size = batches?.sizeOf(0);
  const mostlyPadding = size !== undefined && size.cells > 1.25 * size.tokens;
  return [
    ...(held === undefined
      ? []
      : overlapLines(overlapOf(train.examples, held.examples), held.examples.count, train.dataset, held.dataset)),
    ...(size === undefined ? [] : [paddingLine(size, mostlyPadding ? packed?.().sizeOf(0) : undefined)]),
  ];
}

/** Shapes of answers and of what is learned from them, at their longest. */
function answeringShapes(
  batch: number,
  prompt: number,
  maxCompletionLength: number,
  engine: Loading,
): Pick<RunPlan, 'trainShape' | 'answerShape'> {
  const length = paddedLength(prompt + maxCompletionLength, engine);
  return { trainShape: { batch, length }, answerShape: { batch, prompt } };
}

/** The first prompts of the evaluation data. */
function heldItems(held: RunData['held'], count: number): TaskItem[] {
  const { examples, dataset } = held ?? {};
  return Array.from({ length: Math.min(count, examples?.count ?? 0) }, (_, i) =>
    dataset?.items?.get(examples?.indexOf(i) ?? -1),
  ).flatMap((item) => item ?? []);
}

/** Reads and masks the data and fixes the order of steps. Throws, naming file and line, on broken data and on nothing to learn. */
export async function planRun(config: TuneConfig, task: RunTask, scratch?: () => Scratch): Promise<RunPlan> {
  const { data, train, optimizer, schedule } = config;
  const { engine } = task.loaded;
  const { maxPositions } = task.loaded.model;
  const maxLength = Math.min(data.maxLength, maxPositions);
  const runData = await readRunData(config, task, { maxLength, scratch });
  const { dataset, examples, parts } = runData.train;
  const { summary, notes, example } = task.preview(dataset, examples);
  if (maxLength < data.maxLength && summary.truncated > 0) notes.push(`The model has only ${maxPositions} positions`);
  const packing = { packLength: maxLength };
  const counts = task.counts === undefined ? {} : { counts: task.counts };
  const padding = task.tokensPerId === undefined ? { slowToLoad: engine.slowToLoad } : { padMultiple: 1 };
  const shared = { batchSize: train.batchSize, ...counts, ...padding, ...(data.packing ? packing : {}) };
  const order = mixedOrder({ weights: data.weights, ...(data.shuffle ? { seed: train.seed } : {}) });
  const answering = task.answering;
  const generations = answering?.generations;
  if (generations && examples.count < generations.prompts)
    throw new RangeError(
      `Expected at least ${generations.prompts} prompts, which are answered together, but found ${examples.count}`,
    );
  const windows = generations ? { batchSize: generations.prompts, dropLast: true } : {};
  const batches = makeBatches(examples, { ...shared, ...windows, parts, order });
  const heldBatches = answering
    ? undefined
    : runData.held && makeBatches(runData.held.examples, { ...shared, byLength: true });
  const packed = () => makeBatches(examples, { ...shared, ...packing, parts, order });
  const padded = answering !== undefined || task.tokensPerId !== undefined ? undefined : batches;
  const packs = task.language !== undefined && task.counts === undefined;
  notes.push(...remarks(runData, padded, packs ? packed : undefined));
  const { gradientAccumulationSteps: passes } = train;
  const cursor = makeCursor(batches, generations ? 1 : passes);
  const stepsPerEpoch = cursor.windowsPerEpoch * (generations ? generations.every / passes : 1);
  const epochSteps = Math.ceil(train.epochs * stepsPerEpoch);
  const steps = train.maxSteps ?? epochSteps;
  const dataStep = makeDataStep(config.dataStep);
  const { vocabSize } = task.loaded.model;
  const context = { seed: train.seed, steps, vocabSize, padTokenId: task.loaded.tokenizer?.padTokenId };
  if (dataStep) {
    notes.push(dataStep.note);
    // What it cannot do is known before step one.
    dataStep.apply(batches.at(0, 0), { ...context, step: steps });
  }
  const first = batches.at(0, 0);
  const firstHeld = heldBatches?.at(0, 0);
  const windowOf = (step: number): Window => {
    const window = cursor.next();
    if (!dataStep) return window;
    return { ...window, batches: window.batches.map((batch) => dataStep.apply(batch, { ...context, step })) };
  };
  return {
    summary,
    notes,
    example: example(examples.at(0)),
    cursor,
    ...(answering
      ? answeringShapes(train.batchSize, summary.longest, answering.objective.answers.maxCompletionLength, engine)
      : { trainShape: { batch: first.batch, length: batches.longest } }),
    evalShape: heldBatches && firstHeld && { batch: firstHeld.batch, length: heldBatches.longest },
    evalPlaces: heldBatches?.sizeOf(0).cells ?? 0,
    sample: answering
      ? undefined
      : {
          batch: first,
          passesPerStep: batches.sizeOf(0).cells / (first.batch * first.length) / cursor.windowsPerEpoch,
        },
    ...(dataset.items && { items: dataset.items }),
    ...(runData.held?.dataset.items && { heldItems: (count) => heldItems(runData.held, count) }),
    windowOf,
    evaluation: heldBatches && (() => onceThrough(heldBatches)),
    firstExamples: (count, fits) => {
      const from = runData.held?.examples ?? examples;
      const found: TrainExample[] = [];
      for (let i = 0; i < from.count && found.length < count; i++) if (fits(from.at(i))) found.push(from.at(i));
      return { held: runData.held !== undefined, examples: found };
    },
    heldIndexes: (count) => {
      const held = runData.held?.examples;
      return Array.from({ length: Math.min(count, held?.count ?? 0) }, (_, i) => held?.at(i).index ?? 0);
    },
    steps,
    stepsPerEpoch,
    limited: train.maxSteps !== undefined && train.maxSteps < epochSteps,
    learningRateAt: learningRates(schedule, { steps, learningRate: optimizer.learningRate }),
  };
}
