import { openCheckpoint } from '../../hub/checkpoint.ts';
import { joinPath } from '../../hub/files.ts';
import { coreCount, hostMemory, runtimeVersions } from '../../runtime/node/host.ts';
import type { TuneConfig } from '../config.ts';
import { listOf } from '../dataPaths.ts';
import { type Fingerprints, fingerprintsOf } from '../fingerprints.ts';
import { UsageError } from '../usageError.ts';
import type { Comparison, Method } from './config.ts';
import type { CompareEvent, CompareSummary } from './events.ts';
import { type FoundRun, readResult, readRun, runPath, writeResult } from './folder.ts';
import { type CompareResult, type CompareRun, methodResults } from './result.ts';
import { runInChild } from './runChild.ts';
import { type Share, shareOf } from './share.ts';

export interface Work {
  readonly out: string;
  readonly emit: (event: CompareEvent) => void;
  readonly signal: AbortSignal;
  readonly dryRun: boolean;
  readonly parallel: number | undefined;
}

/** One method on one seed. */
interface Cell {
  readonly method: Method;
  readonly seed: number;
}

/** What runs came to so far, by their path below the comparison's folder. */
interface State {
  readonly found: Map<string, FoundRun>;
  readonly failed: Map<string, string>;
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A method's config on a seed. */
const configOf = ({ method, seed }: Cell, threads?: number): TuneConfig => ({
  ...method.config,
  train: { ...method.config.train, seed },
  engine: threads === undefined ? method.config.engine : { ...method.config.engine, threads },
});

const read = ['model', 'data', 'evalData', 'formatter', 'reward'] as const;

/** What all runs must read alike. */
async function dataOf(base: TuneConfig): Promise<Fingerprints> {
  const checkpoint = await openCheckpoint(base.model.path);
  try {
    return await fingerprintsOf(base, { checkpoint });
  } finally {
    await checkpoint.close();
  }
}

/** What a run read otherwise than the others; undefined where nothing. */
const otherData = ({ record }: FoundRun, data: Fingerprints): string | undefined =>
  record && read.find((name) => record.fingerprints[name] !== data[name]);

/** Plans a method's runs in a process of its own; the memory that one takes. Throws where it cannot run. */
async function planned(cell: Cell, { emit, signal }: Work): Promise<number> {
  let [bytes, trainedParameters, parameters] = [0, 0, 0];
  const { name } = cell.method;
  await runInChild({
    config: configOf(cell),
    signal,
    onOutput: (text) => emit({ type: 'output', method: name, text }),
    emit: (event) => {
      if (event.type === 'started') ({ trainedParameters, parameters } = event);
      if (event.type !== 'plan') return;
      const { steps, seconds, trainBytes = 0, evalBytes = 0 } = event;
      bytes = Math.max(trainBytes, evalBytes);
      emit({
        type: 'checked',
        method: name,
        steps,
        parameters,
        trainedParameters,
        ...(bytes === 0 ? {} : { bytes }),
        ...(seconds === undefined ? {} : { seconds }),
      });
    },
  });
  return bytes;
}

/** Plans the runs of methods that none has passed with yet: peaks of memory by method; the others' runs fail. */
async function plans(cells: readonly Cell[], { found, failed }: State, work: Work): Promise<Map<Method, number>> {
  const bytes = new Map<Method, number>();
  for (const method of new Set(cells.map((cell) => cell.method))) {
    const own = cells.filter((cell) => cell.method === method);
    const missing = own.find(({ seed }) => found.get(runPath(method, seed))?.state !== 'done');
    if (missing === undefined || own.some(({ seed }) => found.get(runPath(method, seed))?.state === 'done')) continue;
    if (work.signal.aborted) break;
    try {
      bytes.set(method, await planned(missing, work));
    } catch (error) {
      for (const { seed } of own) failed.set(runPath(method, seed), reasonOf(error));
      work.emit({ type: 'failed', method: method.name, message: reasonOf(error) });
    }
  }
  return bytes;
}

/** Begins a run, or goes on with it, and takes up what it came to. */
async function carryOutRun(cell: Cell, threads: number, data: Fingerprints, state: State, work: Work): Promise<void> {
  const { out, emit, signal } = work;
  const { method, seed } = cell;
  const path = runPath(method, seed);
  const name = { method: method.name, seed };
  emit({ type: 'runStarted', ...name, runFolder: joinPath(out, path) });
  const fail = (message: string): void => {
    state.failed.set(path, message);
    emit({ type: 'failed', ...name, message });
  };
  try {
    await runInChild({
      config: configOf(cell, threads),
      folder: joinPath(out, path),
      signal,
      emit: (event) => emit({ type: 'run', ...name, event }),
      onOutput: (text) => emit({ type: 'output', ...name, text }),
    });
  } catch (error) {
    fail(reasonOf(error));
  }
  const run = await readRun(out, method, seed);
  state.found.set(path, run);
  const other = otherData(run, data);
  if (other !== undefined) fail(`the ${other} is no longer what the other runs read`);
  emit({ type: 'runEnded', method: method.name, run: compareRun(run, state) });
}

function compareRun({ record: _record, gain: _gain, figures, ...run }: FoundRun, { failed }: State): CompareRun {
  const error = failed.get(run.folder);
  return error === undefined ? { ...run, ...(figures ? { figures } : {}) } : { ...run, state: 'failed', error };
}

function resultOf({ base, methods, seeds }: Comparison, state: State, share: Share): CompareResult {
  const runs = [...state.found.values()];
  const record = runs.find((run) => run.record !== undefined)?.record;
  const rows = methods.map((method) => ({
    name: method.name,
    changes: method.changes,
    runs: seeds.map((seed) => {
      const folder = runPath(method, seed);
      return compareRun(state.found.get(folder) ?? { seed, folder, state: 'missing' }, state);
    }),
  }));
  return {
    schemaVersion: 1,
    model: base.model.path,
    data: listOf(base.data.path),
    gain: runs.find(({ gain }) => gain !== undefined)?.gain ?? 'loss',
    seeds,
    ...methodResults(rows, seeds),
    ...(record ? { engine: { name: record.engine.name, precision: record.engine.precision } } : {}),
    versions: record?.versions ?? runtimeVersions(),
    ...share,
  };
}

/** What stands in the folders of runs. UsageError where one read other data than those that are there now. */
async function readRuns(
  cells: readonly Cell[],
  { base }: Comparison,
  data: Fingerprints,
  out: string,
): Promise<Map<string, FoundRun>> {
  const found = new Map<string, FoundRun>();
  for (const { method, seed } of cells) {
    const run = await readRun(out, method, seed);
    const other = otherData(run, data);
    if (other !== undefined)
      throw new UsageError(
        `${joinPath(out, run.folder)}: the ${other} that it read is not what is there now (${base.model.path}, ${listOf(base.data.path).join(', ')}); bring that back, or take another folder`,
      );
    found.set(runPath(method, seed), run);
  }
  return found;
}

/** Runs what is missing of a comparison, as many runs side by side as cores and memory allow. */
export async function carryOut(comparison: Comparison, work: Work): Promise<CompareSummary> {
  const { out, emit, signal, dryRun, parallel } = work;
  const { base, methods, seeds } = comparison;
  // Seed by seed, so that what is there early can be compared.
  const cells = seeds.flatMap((seed) => methods.map((method): Cell => ({ method, seed })));
  const data = await dataOf(base);
  const state: State = {
    found: dryRun ? new Map<string, FoundRun>() : await readRuns(cells, comparison, data, out),
    failed: new Map<string, string>(),
  };
  const bytes = await plans(cells, state, work);
  const missing = cells.filter(({ method, seed }) => {
    const path = runPath(method, seed);
    return state.found.get(path)?.state !== 'done' && !state.failed.has(path);
  });
  const largest = Math.max(0, ...bytes.values());
  // Runs on other numbers of threads would take other times.
  const before = dryRun ? undefined : await readResult(out);
  const threads = base.engine.threads ?? before?.threads;
  const cores = base.engine.name === 'reference' ? 1 : coreCount();
  const machine = { cores, availableBytes: hostMemory.availableBytes() };
  const share = shareOf(
    missing.map(({ method }) => bytes.get(method) ?? largest),
    machine,
    { parallel, threads },
  );
  const done = cells.length - missing.length - state.failed.size;
  emit({ type: 'started', runs: missing.length, done, ...share });
  const shared = missing.length === 0 ? { ...share, ...(before ? { parallel: before.parallel } : {}) } : share;
  const result = (): CompareResult => resultOf(comparison, state, shared);
  const writeAfter = async (before: Promise<void>): Promise<void> => {
    await before;
    const now = result();
    await writeResult(out, comparison, now);
    emit({ type: 'result', result: now });
  };
  let written = Promise.resolve();
  // One after another, so that what is written last is the newest.
  const write = (): Promise<void> => (written = writeAfter(written));
  if (!dryRun) {
    await write();
    const queue = [...missing];
    const worker = async (): Promise<void> => {
      for (let cell = queue.shift(); cell !== undefined && !signal.aborted; cell = queue.shift()) {
        await carryOutRun(cell, share.threads, data, state, work);
        await write();
      }
    };
    await Promise.all(Array.from({ length: share.parallel }, worker));
  }
  return { ...result(), folder: out, interrupted: signal.aborted };
}
