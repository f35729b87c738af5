// One run in a process of its own, which `runInChild` starts and which goes when its parent does.
import { joinPath, pathKind } from '../../hub/files.ts';
import { workForParent } from '../../runtime/node/childWork.ts';
import type { TuneConfig } from '../config.ts';
import { resume, type RunEvent, type RunSummary, tune } from '../tuneRun.ts';

/** Trains into the folder, or goes on with the run there; without a folder checks and plans alone. */
export interface RunTask {
  readonly config: TuneConfig;
  readonly folder?: string;
}

/** A run as work in a process of its own. */
export interface RunWork {
  readonly task: RunTask;
  readonly event: RunEvent;
  readonly result: RunSummary;
}

workForParent<RunWork>(async ({ config, folder }, { emit, signal }) => {
  const begun = folder !== undefined && (await pathKind(joinPath(folder, 'config.json'))) !== undefined;
  const run = begun
    ? resume(folder, { signal })
    : tune(config, folder === undefined ? { dryRun: true, signal } : { out: folder, signal });
  for await (const event of run) emit(event);
  return run.summary;
});
