import type { StopReason, TuneSummary } from '../loop/events.ts';
import { outcomeRows, outcomeText } from '../loop/outcome.ts';
import type { TuneRun } from '../loop/tuneRun.ts';
import { formatDuration } from '../loop/units.ts';
import { UsageError } from '../loop/usageError.ts';
import type { Args, Option } from './args.ts';
import { downloadProgress } from './bring.ts';
import type { Command, Context } from './command.ts';
import { tuneProgress } from './progress.ts';
import { quoted } from './quoted.ts';
import { configOf, configOptions } from './tuneOptions.ts';

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
  'max-forgetting': 'more forgotten than allowed',
  interrupted: 'interrupted',
};

/** Tells a run while it goes on and what it came to; the exit code. */
async function follow(run: TuneRun, args: Args, context: Context): Promise<number> {
  const progress = tuneProgress(context);
  const downloads = downloadProgress(context);
  const asked = (): void => context.err('\nStopping after this step; Ctrl-C again quits at once\n');
  context.signal.addEventListener('abort', asked, { once: true });
  try {
    for await (const event of run) {
      if (event.type === 'download' || event.type === 'notice') downloads(event);
      else progress.emit(event);
    }
  } finally {
    progress.end();
    context.signal.removeEventListener('abort', asked);
  }
  const summary = await run.summary;
  if (args.flag('dry-run')) {
    context.err('Everything is right; a run would start\n');
    return 0;
  }
  if (summary.finished === true) return sayFinished(summary, context);
  await tell(summary, context);
  if (summary.stopReason !== 'interrupted') return 0;
  context.err(`Go on with: tuneloop tune --resume ${quoted(summary.runFolder)}\n`);
  return 130;
}

async function tell(summary: TuneSummary, context: Context): Promise<void> {
  if (context.json) return context.out(`${JSON.stringify(summary)}\n`);
  const { stopReason, step, adapterStep, best, loss, evalLoss, seconds, runFolder, outcome } = summary;
  const losses = [
    ...(loss === undefined ? [] : [`loss ${loss.toFixed(4)}`]),
    ...(evalLoss === undefined ? [] : [`evaluation loss ${evalLoss.toFixed(4)}`]),
    ...(adapterStep === step
      ? []
      : [`weights of step ${adapterStep}${best?.step === adapterStep ? ', the best evaluation' : ''}`]),
  ];
  const rows = outcome ? outcomeRows(outcome) : [];
  const table = rows.length === 0 ? '' : `\n${outcomeText(rows)}\n\n`;
  const ending = [`Step ${step}: ${endings[stopReason]}`, ...losses, formatDuration(seconds)].join(', ');
  context.err(`${table}${ending}\n${runFolder}\n`);
}

async function sayFinished({ runFolder, step, stopReason }: TuneSummary, context: Context): Promise<number> {
  if (context.json) await context.out(`${JSON.stringify({ runFolder, step, stopReason, finished: true })}\n`);
  else
    context.err(
      `${runFolder}: finished at step ${step} (${endings[stopReason]}); --max-steps with a larger number extends it\n`,
    );
  return 0;
}

async function runOf(args: Args, options: readonly Option[], context: Context): Promise<TuneRun> {
  const { tune, resume } = await import('../loop/tuneRun.ts');
  const { signal } = context;
  const path = args.text('resume');
  if (path !== undefined) {
    const other = [...args.given.keys()].find((name) => !withResume.has(name));
    if (other !== undefined)
      throw new UsageError(
        `--${other}: a run goes on with its own options; only --max-steps may be given with --resume`,
      );
    return resume(path, { signal, maxSteps: args.number('max-steps') ?? args.number('train.maxSteps') });
  }
  const config = await configOf(args, options, (line) => context.err(`${line}\n`));
  const [out, dryRun] = [args.text('out'), args.flag('dry-run')];
  if (out === undefined && !dryRun) throw new UsageError('--out is missing');
  return tune(config, { signal, dryRun, overwrite: args.flag('overwrite'), ...(out === undefined ? {} : { out }) });
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
    run: async (args, context) => follow(await runOf(args, fields, context), args, context),
  };
}
