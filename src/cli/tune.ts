import { pathKind, resolvePath } from '../hub/files.ts';
import type { TuneConfig } from '../loop/config.ts';
import { listOf } from '../loop/dataPaths.ts';
import type { DoneEvent, StopReason, TuneSummary } from '../loop/events.ts';
import { isRewardModule } from '../loop/evaluation.ts';
import { parseConfig, withField } from '../loop/parseConfig.ts';
import { newRunFolder, openRunFolder, type RunFolder, runFolderAt } from '../loop/runFolder.ts';
import { formatDuration } from '../loop/units.ts';
import { UsageError } from '../loop/usageError.ts';
import { peakBytes, runtimeVersions } from '../runtime/node/host.ts';
import type { Args, Option } from './args.ts';
import { bring, bringData } from './bring.ts';
import type { Command, Context } from './command.ts';
import { tuneProgress } from './progress.ts';
import { quoted } from './quoted.ts';
import { configOf, configOptions } from './tuneOptions.ts';
import { packageVersion } from './version.ts';

const runOptions: readonly Option[] = [
  { name: 'out', kind: { type: 'text' }, value: 'RUN', description: 'Run folder to write' },
  { name: 'overwrite', kind: { type: 'boolean' }, description: 'Replaces the run that the folder holds' },
  {
    name: 'config',
    kind: { type: 'text' },
    value: 'FILE',
    description:
      "File with the config's fields (.ts, .mjs, .js, .yaml, .json); tuneloop.config.* of the working folder unless given; options win over it",
  },
  { name: 'no-config', kind: { type: 'boolean' }, description: 'Looks for no config file in the working folder' },
  {
    name: 'resume',
    kind: { type: 'text' },
    value: 'RUN',
    description: 'Goes on with a run; --max-steps with it extends the run',
  },
  { name: 'dry-run', kind: { type: 'boolean' }, description: 'All checks and plans, no step, no folder' },
];

const withResume: ReadonlySet<string> = new Set(['resume', 'max-steps', 'train.maxSteps', 'json', 'quiet', 'debug']);

const endings: Readonly<Record<StopReason, string>> = {
  completed: 'all epochs done',
  'max-steps': 'all steps done',
  'max-time': 'time limit reached',
  'early-stopping': 'no better evaluation for long',
  interrupted: 'interrupted',
};

/** Paths made absolute and ids pinned to their commit, so that the run goes on from any folder and on any day. */
async function resolved(config: TuneConfig, context: Context): Promise<TuneConfig> {
  const there = async (path: string): Promise<string> =>
    (await pathKind(path)) === undefined ? path : resolvePath(path);
  const brought = async (text: string, kind: 'model' | 'adapter'): Promise<string> =>
    there(await bring(text, kind, context));
  const { model, data, adapter } = config;
  const { split, config: subset } = data;
  const dataOf = async (texts: string | readonly string[], held: boolean): Promise<string | string[]> => {
    const named = held ? (data.evalSplit ?? 'validation') : split;
    const found = await Promise.all(
      listOf(texts).map((text) => bringData(text, { split: named, config: subset }, context)),
    );
    return typeof texts === 'string' ? (found[0] ?? texts) : found;
  };
  return {
    ...config,
    model: { ...model, path: await brought(model.path, 'model') },
    data: {
      ...data,
      path: await dataOf(data.path, false),
      ...(data.evalPath === undefined ? {} : { evalPath: await dataOf(data.evalPath, true) }),
      ...(data.formatter === undefined ? {} : { formatter: resolvePath(data.formatter) }),
    },
    reward: isRewardModule(config.reward.path)
      ? { ...config.reward, path: resolvePath(config.reward.path) }
      : config.reward,
    adapter:
      'init' in adapter && adapter.init !== undefined
        ? { ...adapter, init: await brought(adapter.init, 'adapter') }
        : adapter,
  };
}

async function train(config: TuneConfig, folder: RunFolder, args: Args, context: Context): Promise<number> {
  const progress = tuneProgress(context);
  const asked = (): void => context.err('\nStopping after this step; Ctrl-C again quits at once\n');
  context.signal.addEventListener('abort', asked, { once: true });
  const { chooseEngine } = await import('../loop/engines.ts');
  const { tune } = await import('../loop/tune.ts');
  const { engine, notices } = await chooseEngine(config.engine, (line) => context.err(`${line}\n`));
  for (const notice of notices) context.err(`${notice}\n`);
  let summary: TuneSummary;
  try {
    summary = await tune(config, {
      runFolder: folder,
      engine,
      host: { versions: { tuneloop: packageVersion(), ...runtimeVersions() }, peakBytes },
      signal: context.signal,
      emit: progress.emit,
      resume: args.text('resume') !== undefined,
      dryRun: args.flag('dry-run'),
    });
  } finally {
    engine.close();
    progress.end();
    context.signal.removeEventListener('abort', asked);
  }
  if (args.flag('dry-run')) {
    context.err('Everything is right; a run would start\n');
    return 0;
  }
  await tell(summary, context);
  if (summary.stopReason !== 'interrupted') return 0;
  context.err(`Go on with: tuneloop tune --resume ${quoted(folder.path)}\n`);
  return 130;
}

async function tell(summary: TuneSummary, context: Context): Promise<void> {
  if (context.json) return context.out(`${JSON.stringify(summary)}\n`);
  const { stopReason, step, adapterStep, best, loss, evalLoss, seconds, runFolder } = summary;
  const losses = [
    ...(loss === undefined ? [] : [`loss ${loss.toFixed(4)}`]),
    ...(evalLoss === undefined ? [] : [`evaluation loss ${evalLoss.toFixed(4)}`]),
    ...(best === undefined || adapterStep === step ? [] : [`weights of step ${best.step}, the best evaluation`]),
  ];
  context.err(
    `${[`Step ${step}: ${endings[stopReason]}`, ...losses, formatDuration(seconds)].join(', ')}\n${runFolder}\n`,
  );
}

async function resume(path: string, args: Args, context: Context): Promise<number> {
  const other = [...args.given.keys()].find((name) => !withResume.has(name));
  if (other !== undefined)
    throw new UsageError(`--${other}: a run goes on with its own options; only --max-steps may be given with --resume`);
  const folder = await openRunFolder(path);
  const { config } = await folder.read();
  const done = await folder.finished();
  const maxSteps = args.number('max-steps') ?? args.number('train.maxSteps');
  if (maxSteps === undefined)
    return done === undefined ? train(config, folder, args, context) : sayFinished(path, done, context);
  const longer = parseConfig(withField(config, 'train.maxSteps', maxSteps), () => '--max-steps');
  if (done !== undefined && maxSteps <= done.step) return sayFinished(path, done, context);
  await folder.replaceConfig(longer);
  return train(longer, folder, args, context);
}

async function sayFinished(path: string, { step, stopReason }: DoneEvent, context: Context): Promise<number> {
  if (context.json) await context.out(`${JSON.stringify({ runFolder: path, step, stopReason, finished: true })}\n`);
  else
    context.err(
      `${path}: finished at step ${step} (${endings[stopReason]}); --max-steps with a larger number extends it\n`,
    );
  return 0;
}

async function start(args: Args, options: readonly Option[], context: Context): Promise<number> {
  const config = await resolved(await configOf(args, options, (line) => context.err(`${line}\n`)), context);
  const out = args.text('out');
  if (out === undefined && !args.flag('dry-run')) throw new UsageError('--out is missing');
  // A dry run without a folder writes nothing anywhere.
  const folder = out === undefined ? runFolderAt('') : await newRunFolder(out, { overwrite: args.flag('overwrite') });
  return train(config, folder, args, context);
}

/** Made when asked for, since its options come from the config's schema. */
export function tuneCommand(): Command {
  const fields = configOptions();
  return {
    name: 'tune',
    about: `Trains a model on {"text"}, {"prompt", "completion"} or {"messages", "tools"?} and writes a run folder.
Every option is a field of the config: --lora-r 16 is --adapter.r 16. Ctrl-C saves and says how to go on.`,
    options: [...runOptions, ...fields],
    stopsBySignal: true,
    run(args, context) {
      const path = args.text('resume');
      return path === undefined ? start(args, fields, context) : resume(path, args, context);
    },
  };
}
