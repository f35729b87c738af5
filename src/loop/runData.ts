/** What a run reads: its data sets in one store, and what of them is trained and what evaluated on. */
import type { Dataset } from '../data/dataset.ts';
import { exampleStore, type Scratch, type StoredExamples, subsetOf } from '../data/examples.ts';
import { formattedRows } from '../data/formatter.ts';
import type { Columns, Row } from '../data/reader.ts';
import { dataFiles, rowsOfFiles } from '../data/sources.ts';
import { loadFunction, type UserFunction } from '../hub/files-module.ts';
import { permutation, randomKey } from '../ir/random.ts';
import type { TuneConfig } from './config.ts';
import { heldOutOf, listOf } from './dataPaths.ts';
import type { RunTask } from './task.ts';

type DataConfig = TuneConfig['data'];

/** Files of one data set after another. */
export type DataSets = readonly (readonly string[])[];

export interface RunFiles {
  readonly train: DataSets;
  /** Undefined where nothing, or a share of the training examples, is evaluated on. */
  readonly held: DataSets | undefined;
}

/** Examples of one use, with the number of each data set's. */
export interface DataPart {
  readonly dataset: Dataset;
  readonly examples: StoredExamples;
  readonly parts: readonly number[];
}

export interface RunData {
  readonly train: DataPart;
  readonly held: DataPart | undefined;
}

/** The files that a config names. */
export async function runFiles(config: DataConfig): Promise<RunFiles> {
  const filesOf = (paths: readonly string[], split: string): Promise<(readonly string[])[]> =>
    Promise.all(paths.map(async (path) => (await dataFiles(path, { split, config: config.config })).files));
  const heldOut = heldOutOf(config);
  return {
    train: await filesOf(listOf(config.path), config.split),
    held: heldOut && (await filesOf(heldOut.paths, heldOut.split)),
  };
}

/** Rows of one data set after another, numbered through and formatted; `ended` is told where each ends. */
async function* rowsOf(
  sets: DataSets,
  columns: Columns | undefined,
  formatter: UserFunction | undefined,
  ended: () => void,
): AsyncGenerator<Row> {
  let first = 0;
  for (const files of sets) {
    const counted = async function* (): AsyncGenerator<Row> {
      for await (const row of rowsOfFiles(files, { columns, first })) {
        yield row;
        first = row.index + 1;
      }
    };
    yield* formatter === undefined ? counted() : formattedRows(counted(), formatter);
    ended();
  }
}

export interface ReadOptions {
  readonly maxLength: number;
  /** Where tokens go that memory does not hold. Without it they are counted and not kept, which is enough for a plan. */
  readonly scratch?: (() => Scratch) | undefined;
}

async function readPart(
  config: DataConfig,
  sets: DataSets,
  task: RunTask,
  { maxLength, scratch }: ReadOptions,
): Promise<DataPart> {
  const formatter = config.formatter === undefined ? undefined : await loadFunction(config.formatter, 'formatter');
  const store = exampleStore({ holdBytes: config.memoryMb * 1e6, ...(scratch === undefined ? {} : { scratch }) });
  const ends = [0];
  const rows = rowsOf(sets, config.columns, formatter, () => ends.push(store.count));
  const dataset = await task.prepare(rows, { maxLength, store });
  return { dataset, examples: store, parts: sets.map((_files, d) => (ends[d + 1] ?? 0) - (ends[d] ?? 0)) };
}

function chosen(whole: DataPart, numbers: Int32Array): DataPart {
  const sorted = numbers.toSorted();
  let end = 0;
  const parts = whole.parts.map((size) => {
    const begin = end;
    end += size;
    return sorted.filter((number) => number >= begin && number < end).length;
  });
  return { dataset: whole.dataset, examples: subsetOf(whole.examples, sorted), parts };
}

/** Leaves a share of the examples out of training, by the seed; each is at least one example. RangeError where there are too few. */
export function splitOff(whole: DataPart, share: number, seed: number): { train: DataPart; held: DataPart } {
  const { count } = whole.examples;
  if (count < 2) throw new RangeError(`data.evalShare: expected at least 2 examples to divide but found ${count}`);
  const held = Math.min(count - 1, Math.max(1, Math.round(share * count)));
  const order = permutation(count, randomKey(seed, 'evaluation share'));
  return { train: chosen(whole, order.subarray(held)), held: chosen(whole, order.subarray(0, held)) };
}

/** Reads, formats, tokenises and masks all data of a run. Throws, naming file and line. */
export async function readRunData(config: TuneConfig, task: RunTask, options: ReadOptions): Promise<RunData> {
  const {
    data,
    train: { seed },
  } = config;
  const files = await runFiles(data);
  const whole = await readPart(data, files.train, task, options);
  // A preview says of data without examples why there are none.
  if (data.evalShare !== undefined && whole.examples.count > 0) return splitOff(whole, data.evalShare, seed);
  if (files.held === undefined) return { train: whole, held: undefined };
  const held = await readPart(data, files.held, task, options);
  if (held.examples.count === 0)
    throw new RangeError(`${listOf(data.evalPath ?? data.path).join(', ')}: no row has a supervised token to evaluate`);
  return { train: whole, held };
}

/** Rows of the evaluation data by their numbers, read and formatted again. */
export async function heldRows(config: DataConfig, indexes: readonly number[]): Promise<Row[]> {
  const { train, held } = await runFiles(config);
  const formatter = config.formatter === undefined ? undefined : await loadFunction(config.formatter, 'formatter');
  const wanted = new Set(indexes);
  const rows: Row[] = [];
  for await (const row of rowsOf(held ?? train, config.columns, formatter, () => {})) {
    if (!wanted.delete(row.index)) continue;
    rows.push(row);
    if (wanted.size === 0) break;
  }
  return rows;
}
