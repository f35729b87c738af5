import { type Batch, type Batches, makeBatches, seededOrder } from '../data/batches.ts';
import { type Cursor, makeCursor } from '../data/cursor.ts';
import type { Dataset } from '../data/dataset.ts';
import type { DatasetSummary } from '../data/preview.ts';
import { readRows } from '../data/reader.ts';
import { byteStream } from '../hub/files-stream.ts';
import { at } from '../ir/graph.ts';
import { schedules, warmupSteps } from '../optimizers/schedule.ts';
import type { TuneConfig } from './config.ts';
import type { Task } from './task.ts';

/** What a run will do, known before its first step. */
export interface RunPlan {
  readonly summary: DatasetSummary;
  /** What will be trained on, in sentences. */
  readonly notes: readonly string[];
  /** One example with `+` before each learned token. */
  readonly example: readonly string[];
  readonly cursor: Cursor;
  /** Batches of the evaluation data, where there is any. */
  readonly evaluation: (() => Iterable<Batch>) | undefined;
  readonly steps: number;
  readonly stepsPerEpoch: number;
  /** Whether a step limit ends the run before its epochs do. */
  readonly limited: boolean;
  /** Learning rate of the step after `step` steps. */
  readonly learningRateAt: (step: number) => number;
}

async function readData({ data }: TuneConfig, path: string, task: Task, maxLength: number): Promise<Dataset> {
  const { columns } = data;
  const rows = readRows({ name: path, open: () => byteStream(path) }, columns === undefined ? {} : { columns });
  return task.prepare(rows, maxLength);
}

function* onceThrough(batches: Batches): Generator<Batch> {
  for (let position = 0; position < batches.batchesPerEpoch; position++) yield batches.at(0, position);
}

/** Reads and masks the data and fixes the order of steps. Throws, naming file and line, on broken data and on nothing to learn. */
export async function planRun(config: TuneConfig, task: Task): Promise<RunPlan> {
  const { data, train, optimizer, schedule } = config;
  const { maxPositions } = task.loaded.model;
  const maxLength = Math.min(data.maxLength, maxPositions);
  const dataset = await readData(config, data.path, task, maxLength);
  const { summary, notes, example } = task.preview(dataset);
  const held = data.evalPath === undefined ? undefined : await readData(config, data.evalPath, task, maxLength);
  if (held?.examples.length === 0) throw new RangeError(`${data.evalPath}: no row has a supervised token to evaluate`);
  if (maxLength < data.maxLength && summary.truncated > 0) notes.push(`The model has only ${maxPositions} positions`);
  const shared = { batchSize: train.batchSize, ...(data.packing ? { packLength: maxLength } : {}) };
  const batches = makeBatches(dataset.examples, data.shuffle ? { ...shared, order: seededOrder(train.seed) } : shared);
  const heldBatches = held && makeBatches(held.examples, shared);
  const cursor = makeCursor(batches, train.gradientAccumulationSteps);
  const epochSteps = Math.ceil(train.epochs * cursor.windowsPerEpoch);
  const steps = train.maxSteps ?? epochSteps;
  const warmup = warmupSteps(schedule.warmupSteps, steps);
  return {
    summary,
    notes,
    example: example(at(dataset.examples, 0)),
    cursor,
    evaluation: heldBatches && (() => onceThrough(heldBatches)),
    steps,
    stepsPerEpoch: cursor.windowsPerEpoch,
    limited: train.maxSteps !== undefined && train.maxSteps < epochSteps,
    learningRateAt: (step) => optimizer.learningRate * schedules[schedule.type](step, steps, warmup),
  };
}
