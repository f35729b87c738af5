import { joinPath } from '../hub/files.ts';
import type { Comparison } from '../loop/compare/config.ts';
import type { CompareSummary } from '../loop/compare/events.ts';
import { compareText } from '../loop/compare/table.ts';
import type { FieldName } from '../loop/parseConfig.ts';
import { UsageError } from '../loop/usageError.ts';
import type { Args, Option } from './args.ts';
import type { Command, Context } from './command.ts';
import { compareProgress } from './compareProgress.ts';
import { methodNames, methodsOf } from './methodOption.ts';
import { quoted } from './quoted.ts';
import { configOptions, givenConfig } from './tuneOptions.ts';

const ownOptions: readonly Option[] = [
  {
    name: 'methods',
    kind: { type: 'list', of: 'text' },
    value: 'NAME…',
    suggestions: methodNames,
    description:
      'Methods to compare: units by name (lora, full, ssf, dft, lion), several joined by + (ssf+dft), with options of their own after colons (lora:lora-r=64, full:learning-rate=2e-5)',
  },
  {
    name: 'seeds',
    kind: { type: 'integer', least: 1 },
    description: 'Runs of each method, with seeds from --seed on; 3 unless given',
  },
  {
    name: 'out',
    kind: { type: 'text' },
    value: 'DIR',
    description: 'Folder of the comparison; goes on with the one that is there',
  },
  { name: 'overwrite', kind: { type: 'boolean' }, description: 'Replaces the comparison that the folder holds' },
  {
    name: 'resume',
    kind: { type: 'text' },
    value: 'DIR',
    description: 'Goes on with a comparison as it was begun',
  },
  {
    name: 'parallel',
    kind: { type: 'integer', least: 1 },
    description: 'Runs side by side, each in a process of its own; as cores and memory allow unless given',
  },
  {
    name: 'config',
    kind: { type: 'text' },
    value: 'FILE',
    description:
      "File with a run's config and, beside it, methods (an object of what each changes) and seeds; tuneloop.config.* of the working folder unless given; options win over it",
  },
  { name: 'no-config', kind: { type: 'boolean' }, description: 'Looks for no config file in the working folder' },
  { name: 'dry-run', kind: { type: 'boolean' }, description: 'All checks and plans, no run, no folder' },
];

const withResume: ReadonlySet<string> = new Set(['resume', 'parallel', 'json', 'quiet', 'debug']);

/** Config and folder, as options and files say. */
async function asked(
  args: Args,
  fields: readonly Option[],
  context: Context,
): Promise<{ readonly parse: () => Promise<Comparison>; readonly out: string }> {
  const { parseComparison } = await import('../loop/compare/config.ts');
  const { readStored } = await import('../loop/compare/folder.ts');
  const resumed = args.text('resume');
  if (resumed !== undefined) {
    const other = [...args.given.keys()].find((name) => !withResume.has(name));
    if (other !== undefined)
      throw new UsageError(
        `--${other}: a comparison goes on as it was begun; give --out instead of --resume to add to it`,
      );
    const stored = await readStored(resumed);
    return { parse: () => parseComparison(stored), out: resumed };
  }
  const { value, nameOf } = await givenConfig(args, fields, (line) => context.err(`${line}\n`));
  const names = args.texts('methods');
  const seeds = args.number('seeds');
  const config = {
    ...value,
    ...(names.length === 0 ? {} : { methods: methodsOf(names, fields) }),
    ...(seeds === undefined ? {} : { seeds }),
  };
  const out = args.text('out');
  if (out === undefined && !args.flag('dry-run')) throw new UsageError('--out is missing');
  const optionOf: FieldName = (path) => {
    const [, method] = /^methods(?:\.(.*))?$/s.exec(path) ?? [];
    if (path === 'seeds' && seeds !== undefined) return '--seeds';
    if (names.length > 0 && path.startsWith('methods')) return `--methods${method === undefined ? '' : ` ${method}`}`;
    return nameOf(path);
  };
  return { parse: () => parseComparison(config, optionOf), out: out ?? '' };
}

/** Says what came of it; the exit code. */
async function tell(summary: CompareSummary, context: Context): Promise<number> {
  const { folder, interrupted, methods } = summary;
  const runs = methods.flatMap(({ name, runs }) => runs.map((run) => ({ name, ...run })));
  if (context.json) await context.out(`${JSON.stringify(summary)}\n`);
  else if (!context.quiet && runs.some(({ state }) => state === 'done')) await context.out(`${compareText(summary)}\n`);
  const failed = runs.filter(({ state }) => state === 'failed');
  if (interrupted) {
    context.err(`Go on with: tuneloop compare --resume ${quoted(folder)}\n`);
    return 130;
  }
  context.err(`${joinPath(folder, 'compare.html')}\n`);
  if (failed.length === 0) return 0;
  throw new Error(
    `${failed.length} of ${runs.length} runs failed, ${failed[0]?.name ?? ''} with seed ${failed[0]?.seed ?? ''} first: ${failed[0]?.error ?? ''}; the same command tries them again`,
  );
}

/** Made when asked for, since its options come from the config's schema. */
export function compareCommand(): Command {
  const fields = configOptions();
  return {
    name: 'compare',
    about: `Compares methods on your model and data: each with the same budget and several seeds, by what it gains, forgets and costs.
Writes DIR/compare.html and compare.json and a run folder for each run. Every option of tune that all methods have in common may be given.`,
    options: [...ownOptions, ...fields],
    stopsBySignal: true,
    async run(args, context) {
      const { parse, out } = await asked(args, fields, context);
      const { startComparison } = await import('../loop/compare/compare.ts');
      const dryRun = args.flag('dry-run');
      const parallel = args.number('parallel');
      const { signal } = context;
      const comparison = startComparison(parse, {
        out,
        signal,
        dryRun,
        overwrite: args.flag('overwrite'),
        ...(parallel === undefined ? {} : { parallel }),
      });
      const progress = compareProgress(context);
      const ask = (): void => context.err('\nStopping after these steps; Ctrl-C again quits at once\n');
      signal.addEventListener('abort', ask, { once: true });
      try {
        for await (const event of comparison) progress.emit(event);
      } finally {
        progress.end();
        signal.removeEventListener('abort', ask);
      }
      const summary = await comparison.summary;
      if (!dryRun) return tell(summary, context);
      const [first] = summary.methods.flatMap(({ name, runs }) =>
        runs.flatMap(({ error }) => (error === undefined ? [] : [{ name, error }])),
      );
      if (first) throw new Error(`${first.name}: ${first.error}`);
      context.err('Everything is right; the runs would start\n');
      return 0;
    },
  };
}
