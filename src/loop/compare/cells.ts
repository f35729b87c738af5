import { openCheckpoint } from '../../hub/checkpoint.ts';
import { joinPath } from '../../hub/files.ts';
import { runtimeVersions } from '../../runtime/node/host.ts';
import type { TuneConfig } from '../config.ts';
import { listOf } from '../dataPaths.ts';
import { recordedChoice } from '../engines.ts';
import { type Fingerprints, fingerprintsOf } from '../fingerprints.ts';
import { UsageError } from '../usageError.ts';
import type { Comparison, Method } from './config.ts';
import { type FoundRun, readRun, runPath } from './folder.ts';
import { type CompareResult, type CompareRun, methodResults } from './result.ts';
import type { Share } from './share.ts';

/** One method on one seed. */
export interface Cell {
  readonly method: Method;
  readonly seed: number;
}

/** Path of its run below the comparison's folder. */
export const pathOf = ({ method, seed }: Cell): string => runPath(method, seed);

/** What runs came to so far, and what they failed with, by their path. */
export interface State {
  readonly found: Map<string, FoundRun>;
  readonly failed: Map<string, string>;
}

/** All runs, seed by seed, so that what is there early can be compared. */
export const cellsOf = ({ methods, seeds }: Comparison): Cell[] =>
  seeds.flatMap((seed) => methods.map((method) => ({ method, seed })));

/** The config of its run. */
export const configOf = ({ method: { config }, seed }: Cell, threads?: number): TuneConfig => ({
  ...config,
  train: { ...config.train, seed },
  engine: threads === undefined ? config.engine : { ...config.engine, threads },
});

/** The same on the engine of the runs that are there, which others are compared with. */
export function alikeConfig(cell: Cell, { found }: Pick<State, 'found'>, threads?: number): TuneConfig {
  const config = configOf(cell, threads);
  const record = [...found.values()].find((run) => run.record !== undefined)?.record;
  if (!record) return config;
  const { name, precision } = recordedChoice(config.engine, record.engine);
  return { ...config, engine: { ...config.engine, name, precision } };
}

/** What all runs must read alike. */
export async function dataOf({ base }: Comparison): Promise<Fingerprints> {
  const checkpoint = await openCheckpoint(base.model.path);
  try {
    return await fingerprintsOf(base, { checkpoint });
  } finally {
    await checkpoint.close();
  }
}

const readAlike = ['model', 'data', 'evalData', 'formatter', 'reward'] as const;

/** What a run read otherwise than the others; undefined where nothing. */
export const otherData = ({ record }: FoundRun, data: Fingerprints): string | undefined =>
  record && readAlike.find((name) => record.fingerprints[name] !== data[name]);

/** What stands in the folders of runs. UsageError where one read other data than those that are there now. */
export async function readRuns(
  out: string,
  comparison: Comparison,
  data: Fingerprints,
): Promise<Map<string, FoundRun>> {
  const { base } = comparison;
  const found = new Map<string, FoundRun>();
  for (const cell of cellsOf(comparison)) {
    const run = await readRun(out, cell.method, cell.seed);
    const other = otherData(run, data);
    if (other !== undefined)
      throw new UsageError(
        `${joinPath(out, run.folder)}: the ${other} that it read is not what is there now (${base.model.path}, ${listOf(base.data.path).join(', ')}); bring that back, or take another folder`,
      );
    found.set(pathOf(cell), run);
  }
  return found;
}

/** A run as compare.json tells it. */
export function compareRun({ record: _record, gain: _gain, figures, ...run }: FoundRun, { failed }: State): CompareRun {
  const error = failed.get(run.folder);
  return error === undefined ? { ...run, ...(figures ? { figures } : {}) } : { ...run, state: 'failed', error };
}

/** What the comparison came to so far. */
export function resultOf({ base, methods, seeds }: Comparison, state: State, share: Share): CompareResult {
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
