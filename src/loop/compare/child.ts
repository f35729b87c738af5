// One run in a process of its own, which `runInChild` starts and which goes when its parent does.
import { joinPath, pathKind } from '../../hub/files.ts';
import { parentProcess } from '../../runtime/node/parentProcess.ts';
import type { TuneConfig } from '../config.ts';
import { resume, type RunEvent, type RunSummary, tune, type TuneRun } from '../tuneRun.ts';

export type ToChild =
  /** Trains into the folder, or goes on with the run there; without a folder checks and plans alone. */
  | { readonly type: 'work'; readonly config: TuneConfig; readonly folder?: string }
  /** Ends after the step under way, saved. */
  | { readonly type: 'stop' };

export type FromChild =
  | { readonly type: 'event'; readonly event: RunEvent }
  | { readonly type: 'summary'; readonly summary: RunSummary }
  | { readonly type: 'error'; readonly message: string; readonly stack: string | undefined };

const controller = new AbortController();
const { signal } = controller;

const parent = parentProcess<FromChild>((given) => {
  const message = given as ToChild;
  if (message.type === 'stop') controller.abort();
  else void work(message.config, message.folder);
});

async function runOf(config: TuneConfig, folder: string | undefined): Promise<TuneRun> {
  if (folder === undefined) return tune(config, { dryRun: true, signal });
  const begun = (await pathKind(joinPath(folder, 'config.json'))) !== undefined;
  return begun ? resume(folder, { signal }) : tune(config, { out: folder, signal });
}

async function work(config: TuneConfig, folder: string | undefined): Promise<void> {
  try {
    const run = await runOf(config, folder);
    for await (const event of run) void parent.send({ type: 'event', event });
    await parent.send({ type: 'summary', summary: await run.summary });
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    await parent.send({ type: 'error', message, stack });
  }
  parent.end();
}
