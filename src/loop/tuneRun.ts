import type { HubEvent } from '../hub/node/hubSnapshot.ts';
import type { Engine } from '../runtime/engine.ts';
import { cpuMs, hostMemory, peakBytes, runtimeVersions } from '../runtime/node/host.ts';
import type { TuneConfig, TuneConfigInput } from './config.ts';
import { chooseEngine, recordedChoice } from './engines.ts';
import type { TuneEvent, TuneSummary } from './events.ts';
import { parseConfig, withField } from './parseConfig.ts';
import { resolvedConfig } from './resolvedConfig.ts';
import { type Run, startRun } from './run.ts';
import { newRunFolder, openRunFolder, type RunFolder, runFolderAt } from './runFolder.ts';
import { tune as tuneInto } from './tune.ts';
import { UsageError } from './usageError.ts';

/** What a run tells: its own events, downloads and notices. */
export type RunEvent = TuneEvent | HubEvent;

export interface RunOptions {
  /** Stops the run after the step under way, saved; its summary then says `interrupted`. */
  readonly signal?: AbortSignal;
  /** One that is open already and stays so; else the config's is opened and closed. */
  readonly engine?: Engine;
}

export interface TuneRunOptions extends RunOptions {
  /** Run folder to write; may be left out of a dry run. */
  readonly out?: string;
  /** Replaces the run that the folder holds. */
  readonly overwrite?: boolean;
  /** All checks and plans, no step, nothing written. */
  readonly dryRun?: boolean;
}

/** What a run came to. */
export interface RunSummary extends TuneSummary {
  /** Whether a resumed run had ended before. */
  readonly finished?: true;
}

export type TuneRun = Run<RunEvent, RunSummary>;

type Emit = (event: RunEvent) => void;

async function train(
  config: TuneConfig,
  runFolder: RunFolder,
  options: RunOptions & { readonly resume: boolean; readonly dryRun: boolean; readonly emit: Emit },
): Promise<RunSummary> {
  const { signal, emit, resume, dryRun } = options;
  const notice = (message: string): void => emit({ type: 'notice', message });
  const choice = resume ? recordedChoice(config.engine, (await runFolder.read()).run.engine) : config.engine;
  const opened =
    options.engine === undefined ? await chooseEngine(choice, notice, signal ? { signal } : {}) : undefined;
  const engine = options.engine ?? opened?.engine;
  if (engine === undefined) throw new TypeError('Expected an engine');
  opened?.notices.forEach(notice);
  try {
    const host = { versions: runtimeVersions(), peakBytes, cpuMs, memory: hostMemory };
    return await tuneInto(config, { runFolder, engine, host, emit, resume, dryRun, ...(signal ? { signal } : {}) });
  } finally {
    opened?.engine.close();
  }
}

/** Trains as a config says, into a run folder: `for await (const event of run)`, then `await run.summary`. UsageError for a config or folder that is none, Error for data with nothing to learn, Error naming the step where numbers are no longer finite. */
export function tune(config: TuneConfigInput, options: TuneRunOptions): TuneRun {
  return startRun(async (emit: Emit, signal) => {
    const { out, overwrite = false, dryRun = false, engine } = options;
    if (out === undefined && !dryRun) throw new UsageError('out is missing: the folder that the run is written to');
    const parsed = parseConfig(config);
    // A dry run without a folder writes nothing anywhere.
    const folder = out === undefined ? runFolderAt('') : await newRunFolder(out, { overwrite });
    const resolved = await resolvedConfig(parsed, { emit, signal });
    return train(resolved, folder, { emit, signal, dryRun, resume: false, ...(engine ? { engine } : {}) });
  }, options.signal);
}

/** Goes on with a run from its last whole checkpoint, with its own config; `maxSteps` extends it. A run that has ended comes to its end at once. */
export function resume(path: string, options: RunOptions & { readonly maxSteps?: number | undefined } = {}): TuneRun {
  return startRun(async (emit: Emit, signal) => {
    const { maxSteps, engine } = options;
    const folder = await openRunFolder(path);
    const { config } = await folder.read();
    const done = await folder.finished();
    const longer =
      maxSteps === undefined ? config : parseConfig(withField(config, 'train.maxSteps', maxSteps), () => 'maxSteps');
    if (done !== undefined && (maxSteps === undefined || maxSteps <= done.step)) {
      const { type: _type, ...outcome } = done;
      return { ...outcome, runFolder: path, finished: true };
    }
    if (maxSteps !== undefined) await folder.replaceConfig(longer);
    return train(longer, folder, { emit, signal, dryRun: false, resume: true, ...(engine ? { engine } : {}) });
  }, options.signal);
}
