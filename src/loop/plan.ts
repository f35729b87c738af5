import { type Batch, type Batches, makeBatches } from '../data/batches.ts';
import { type Cursor, makeCursor, type Window } from '../data/cursor.ts';
import type { TrainExample } from '../data/dataset.ts';
import { makeDataStep } from '../data/dataSteps.ts';
import type { Scratch } from '../data/examples.ts';
import { mixedOrder } from '../data/mix.ts';
import { overlapOf } from '../data/overlap.ts';
import { type DatasetSummary, overlapLines, paddingLine } from '../data/preview.ts';
import { learningRates } from '../optimizers/schedule.ts';
import type { TuneConfig } from './config.ts';
import { type RunData, readRunData } from './runData.ts';
import type { Task } from './task.ts';

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
  readonly evalShape: { readonly batch: number; readonly length: number } | undefined;
  /** The first micro-batch, and how many of its size a step has on average. */
  readonly sample: { readonly batch: Batch; readonly passesPerStep: number };
  /** The next window as it is trained on, for step 1, 2, … */
  readonly windowOf: (step: number) => Window;
  /** Batches of the evaluation data, where there is any. */
  readonly evaluation: (() => Iterable<Batch>) | undefined;
  /** The first evaluation examples that fit, or training examples where nothing is held out. */
  readonly firstExamples: (
    count: number,
    fits: (example: TrainExample) => boolean,
  ) => { readonly held: boolean; readonly examples: readonly TrainExample[] };
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
function remarks({ train, held }: RunData, batches: Batches, packed: (() => Batches) | undefined): string[] {
  const size = batches.sizeOf(0);
  const mostlyPadding = size.cells > 1.25 * size.tokens;
  return [
    ...(held === undefined
      ? []
      : overlapLines(overlapOf(train.examples, held.examples), held.examples.count, train.dataset, held.dataset)),
    paddingLine(size, mostlyPadding ? packed?.().sizeOf(0) : undefined),
  ];
}

/** Reads and masks the data and fixes the order of steps. Throws, naming file and line, on broken data and on nothing to learn. */
export async function planRun(config: TuneConfig, task: Task, scratch?: () => Scratch): Promise<RunPlan> {
  const { data, train, optimizer, schedule } = config;
  const { maxPositions } = task.loaded.model;
  const maxLength = Math.min(data.maxLength, maxPositions);
  const runData = await readRunData(config, task, { maxLength, scratch });
  const { dataset, examples, parts } = runData.train;
  const { summary, notes, example } = task.preview(dataset, examples);
  if (maxLength < data.maxLength && summary.truncated > 0) notes.push(`The model has only ${maxPositions} positions`);
  const packing = { packLength: maxLength };
  const counts = task.counts === undefined ? {} : { counts: task.counts };
  const shared = { batchSize: train.batchSize, ...counts, ...(data.packing ? packing : {}) };
  const order = mixedOrder({ weights: data.weights, ...(data.shuffle ? { seed: train.seed } : {}) });
  const batches = makeBatches(examples, { ...shared, parts, order });
  const heldBatches = runData.held && makeBatches(runData.held.examples, shared);
  const packed = () => makeBatches(examples, { ...shared, ...packing, parts, order });
  notes.push(...remarks(runData, batches, task.counts === undefined ? packed : undefined));
  const cursor = makeCursor(batches, train.gradientAccumulationSteps);
  const epochSteps = Math.ceil(train.epochs * cursor.windowsPerEpoch);
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
    trainShape: { batch: first.batch, length: batches.longest },
    evalShape: heldBatches && firstHeld && { batch: firstHeld.batch, length: heldBatches.longest },
    sample: {
      batch: first,
      passesPerStep: batches.sizeOf(0).cells / (first.batch * first.length) / cursor.windowsPerEpoch,
    },
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
    stepsPerEpoch: cursor.windowsPerEpoch,
    limited: train.maxSteps !== undefined && train.maxSteps < epochSteps,
    learningRateAt: learningRates(schedule, { steps, learningRate: optimizer.learningRate }),
  };
}
