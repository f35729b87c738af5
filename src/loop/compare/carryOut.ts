import { joinPath } from '../../hub/files.ts';
import { coreCount, hostMemory } from '../../runtime/node/host.ts';
import type { TuneConfig } from '../config.ts';
import type { Fingerprints } from '../fingerprints.ts';
import {
  alikeConfig,
  type Cell,
  cellsOf,
  compareRun,
  dataOf,
  otherData,
  pathOf,
  readRuns,
  resultOf,
  type State,
} from './cells.ts';
import type { Comparison, Method } from './config.ts';
import type { CompareEvent, CompareSummary } from './events.ts';
import { atFolder, beginFolder, type FoundRun, readResult, readRun, writeResult } from './folder.ts';
import { runInChild } from './runChild.ts';
import { shareOf } from './share.ts';

export interface Work {
  readonly out: string;
  readonly emit: (event: CompareEvent) => void;
  readonly signal: AbortSignal;
  readonly dryRun: boolean;
  /** Nothing of what the folder holds is taken up. */
  readonly overwrite: boolean;
  readonly parallel: number | undefined;
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Plans a method's runs in a process of its own; the memory that one takes. Throws where it cannot run. */
async function planned(cell: Cell, config: TuneConfig, { emit, signal }: Work): Promise<number> {
  let [bytes, trainedParameters, parameters] = [0, 0, 0];
  const { name } = cell.method;
  await runInChild({
    config,
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

/** Plans the runs of methods of which none is done yet: peaks of memory by method; the runs of a method that cannot run fail. Throws what it failed with where that leaves nothing. */
async function plans(cells: readonly Cell[], state: State, work: Work): Promise<Map<Method, number>> {
  const { found, failed } = state;
  const bytes = new Map<Method, number>();
  const isDone = (cell: Cell): boolean => found.get(pathOf(cell))?.state === 'done';
  const refused: { readonly method: string; readonly error: unknown }[] = [];
  for (const method of new Set(cells.map((cell) => cell.method))) {
    const own = cells.filter((cell) => cell.method === method);
    const [first] = own;
    if (first === undefined || own.some(isDone) || work.signal.aborted) continue;
    try {
      bytes.set(method, await planned(first, alikeConfig(first, state), work));
    } catch (error) {
      if (work.signal.aborted) continue;
      for (const cell of own) failed.set(pathOf(cell), reasonOf(error));
      refused.push({ method: method.name, error });
    }
  }
  const [first] = refused;
  if (first && cells.every((cell) => failed.has(pathOf(cell)))) throw first.error;
  for (const { method, error } of refused) work.emit({ type: 'failed', method, message: reasonOf(error) });
  return bytes;
}

/** Begins a run, or goes on with it, and takes up what it came to. */
async function carryOutRun(cell: Cell, threads: number, data: Fingerprints, state: State, work: Work): Promise<void> {
  const { out, emit, signal } = work;
  const { method, seed } = cell;
  const path = pathOf(cell);
  const name = { method: method.name, seed };
  emit({ type: 'runStarted', ...name, runFolder: joinPath(out, path) });
  const fail = (message: string): void => {
    state.failed.set(path, message);
    emit({ type: 'failed', ...name, message });
  };
  try {
    await runInChild({
      config: alikeConfig(cell, state, threads),
      folder: joinPath(out, path),
      signal,
      emit: (event) => emit({ type: 'run', ...name, event }),
      onOutput: (text) => emit({ type: 'output', ...name, text }),
    });
  } catch (error) {
    // One that is stopped while it loads fails with that.
    if (!signal.aborted) fail(reasonOf(error));
  }
  const run = await readRun(out, method, seed);
  state.found.set(path, run);
  const other = otherData(run, data);
  if (other !== undefined) fail(`the ${other} is no longer what the other runs read`);
  emit({ type: 'runEnded', method: method.name, run: compareRun(run, state) });
}

/** Runs what is missing of a comparison, as many runs side by side as cores and memory allow. */
export async function carryOut(comparison: Comparison, work: Work): Promise<CompareSummary> {
  const { out, emit, signal, dryRun, overwrite, parallel } = work;
  const { base } = comparison;
  const cells = cellsOf(comparison);
  const data = await dataOf(comparison);
  const fresh = dryRun || overwrite;
  const state: State = {
    found: fresh ? new Map<string, FoundRun>() : await readRuns(out, comparison, data),
    failed: new Map<string, string>(),
  };
  const bytes = await plans(cells, state, work);
  const missing = cells.filter((cell) => {
    const path = pathOf(cell);
    return state.found.get(path)?.state !== 'done' && !state.failed.has(path);
  });
  const largest = Math.max(0, ...bytes.values());
  // Runs on other numbers of threads would take other times.
  const before = fresh ? undefined : await readResult(out);
  const threads = base.engine.threads ?? before?.threads;
  const cores = base.engine.name === 'reference' ? 1 : coreCount();
  const machine = { cores, availableBytes: hostMemory.availableBytes() };
  const peaks = missing.map(({ method }) => bytes.get(method) ?? largest);
  const share = shareOf(peaks, machine, { parallel, threads });
  const done = cells.length - missing.length - state.failed.size;
  emit({ type: 'started', runs: missing.length, done, ...share });
  const shared = missing.length === 0 && before ? { ...share, parallel: before.parallel } : share;
  const summary = (): CompareSummary => ({
    ...resultOf(comparison, state, shared),
    folder: out,
    interrupted: signal.aborted,
  });
  if (dryRun) return summary();

  const writeAfter = async (earlier: Promise<void>): Promise<void> => {
    await earlier;
    const result = resultOf(comparison, state, shared);
    await writeResult(out, comparison, result);
    emit({ type: 'result', result });
  };
  let written = Promise.resolve();
  // One after another, so that what is written last is the newest.
  const write = (): Promise<void> => (written = writeAfter(written));
  const queue = [...missing];
  const worker = async (): Promise<void> => {
    for (let cell = queue.shift(); cell !== undefined && !signal.aborted; cell = queue.shift()) {
      await carryOutRun(cell, share.threads, data, state, work);
      await write();
    }
  };
  await atFolder(out, async () => {
    await beginFolder(out, comparison, overwrite);
    await write();
    await Promise.all(Array.from({ length: share.parallel }, worker));
  });
  return summary();
}
