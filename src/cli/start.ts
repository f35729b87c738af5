import process from 'node:process';
import { readExample, supervisedFormats } from '../data/formats.ts';
import { readRows } from '../data/reader.ts';
import { at } from '../ir/graph.ts';
import { byteStream } from '../hub/files-stream.ts';
import { joinPath, pathKind } from '../hub/files.ts';
import type { TuneConfig } from '../loop/config.ts';
import { listOf } from '../loop/dataPaths.ts';
import { gradeTask, type TaskAnswer, taskItem } from '../loop/gradeTask.ts';
import { type LoadedModel, openModel, tokenizerOf } from '../loop/model.ts';
import { type OutcomeRow, outcomeRows, outcomeText, type RunOutcome } from '../loop/outcome.ts';
import { parseConfig } from '../loop/parseConfig.ts';
import { newRunFolder } from '../loop/runFolder.ts';
import { formatDuration } from '../loop/units.ts';
import { wilson } from '../loop/wilson.ts';
import { exactMatch } from '../rewards/exactMatch.ts';
import type { Engine } from '../runtime/engine.ts';
import type { Args } from './args.ts';
import { assetPath } from './assets.ts';
import type { Command, Context } from './command.ts';
import { Interrupted } from './errors.ts';
import { openFile } from './openFile.ts';
import { tuneProgress } from './progress.ts';
import { quoted } from './quoted.ts';

/** More than the longest answer of the task takes. */
const maxNewTokens = 32;

/** The bundled task's run: LoRA on nano, which learns to write records. */
function configOf(args: Args): TuneConfig {
  const maxSteps = args.number('max-steps');
  return parseConfig({
    model: { path: assetPath('nano') },
    data: {
      path: assetPath('tasks/records-train.jsonl'),
      evalPath: assetPath('tasks/records-test.jsonl'),
      maxLength: 128,
    },
    adapter: { type: 'lora', r: 16, alpha: 32 },
    optimizer: { learningRate: 3e-3 },
    schedule: { type: 'cosine', warmupSteps: 10 },
    train: {
      batchSize: 10,
      epochs: 6,
      seed: args.number('seed') ?? 42,
      ...(maxSteps === undefined ? {} : { maxSteps }),
    },
  });
}

/** A folder of its own for every run: runs/start-1, runs/start-2, … under the working folder. */
async function freeFolder(): Promise<string> {
  for (let number = 1; ; number++) {
    const path = joinPath('runs', `start-${number}`);
    if ((await pathKind(path)) === undefined) return path;
  }
}

async function answersOf(loaded: LoadedModel, path: string, signal: AbortSignal): Promise<TaskAnswer[]> {
  const items = [];
  for await (const row of readRows({ name: path, open: () => byteStream(path) })) {
    items.push(taskItem(row.index, readExample(row, supervisedFormats), tokenizerOf(loaded)));
  }
  return gradeTask(loaded, items, exactMatch, { maxNewTokens, batchSize: 50, signal });
}

async function measured(
  config: TuneConfig,
  engine: Engine,
  signal: AbortSignal,
  adapter?: string,
): Promise<TaskAnswer[]> {
  const loaded = await openModel({ model: config.model.path, adapter, engine });
  try {
    return await answersOf(loaded, at(listOf(config.data.evalPath ?? config.data.path), 0), signal);
  } finally {
    await loaded.close();
  }
}

interface Share {
  readonly right: number;
  readonly of: number;
  /** 95%, Wilson. */
  readonly interval: readonly [number, number];
}

function shareOf(answers: readonly TaskAnswer[]): Share {
  const graded = answers.filter(({ score }) => score !== null);
  const right = graded.filter(({ score }) => score === 1).length;
  return { right, of: graded.length, interval: wilson(right, graded.length) };
}

const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;
const shareText = ({ right, of, interval: [low, high] }: Share): string =>
  `${right} of ${of} (${percent(low)} to ${percent(high)})`;

interface Outcome {
  readonly seconds: number;
  /** Gain, forgetting and drift, as every run measures them. */
  readonly measured: RunOutcome;
  readonly loss: { readonly before: number; readonly after: number };
  readonly exactMatch: { readonly before: Share; readonly after: Share };
  readonly samples: readonly {
    readonly question: string;
    readonly expected: string;
    readonly before: string;
    readonly after: string;
  }[];
  readonly runFolder: string;
  readonly adapter: string;
  readonly report: string;
}

/** What there is to say at the end. */
function summaryText(outcome: Outcome): string {
  const { measured, exactMatch: match, samples, seconds, runFolder, adapter, report } = outcome;
  const task: OutcomeRow = {
    name: 'gain: exact match',
    before: shareText(match.before),
    after: shareText(match.after),
    change: '',
  };
  const shown = samples.map(
    ({ question, before, after }) =>
      `  ${question}\n    before: ${before.trim() || '(nothing)'}\n    after:  ${after.trim() || '(nothing)'}`,
  );
  return `
Tuned in ${formatDuration(seconds)}. What was gained on ${match.after.of} examples that it was not trained on, what was forgotten and how far it drifted:

${outcomeText([task, ...outcomeRows(measured)])}

${shown.join('\n')}

Adapter  ${adapter} (PEFT loads it)
Report   ${report}
Run      ${runFolder}

Now your own model and data, lines of {"prompt", "completion"}, {"messages"} or {"text"}:
  npx tuneloop tune --model MODEL --data data.jsonl --out runs/mine
`;
}

async function run(args: Args, context: Context): Promise<number> {
  const config = configOf(args);
  const folder = await newRunFolder(args.text('out') ?? (await freeFolder()));
  const { chooseEngine } = await import('../loop/engines.ts');
  const { tune } = await import('../loop/tuneRun.ts');
  const begun = performance.now();
  context.err('nano, the small model inside the package, learns to turn a sentence into a record.\n');
  const say = (line: string): void => context.err(`${line}\n`);
  const { engine, notices } = await chooseEngine({ name: 'auto', threads: args.number('threads') }, say, {
    signal: context.signal,
  });
  notices.forEach(say);
  const progress = tuneProgress(context);
  try {
    const before = await measured(config, engine, context.signal);
    context.err(`Before: ${shareText(shareOf(before))}\n`);
    const losses: number[] = [];
    const run = tune(config, { out: folder.path, engine, signal: context.signal });
    for await (const event of run) {
      if (event.type === 'download' || event.type === 'notice') continue;
      if (event.type === 'eval' && event.evalLoss !== undefined) losses.push(event.evalLoss);
      progress.emit(event.type === 'preview' ? { ...event, example: [] } : event);
    }
    const { stopReason, outcome: measuredOutcome } = await run.summary;
    progress.end();
    if (stopReason === 'interrupted')
      throw new Interrupted(`Stopped and saved; go on with: npx tuneloop tune --resume ${quoted(folder.path)}`);
    const after = await measured(config, engine, context.signal, folder.adapterPath);
    const outcome: Outcome = {
      seconds: (performance.now() - begun) / 1000,
      measured: measuredOutcome ?? { gain: {} },
      loss: { before: losses[0] ?? Number.NaN, after: losses.at(-1) ?? Number.NaN },
      exactMatch: { before: shareOf(before), after: shareOf(after) },
      samples: before.slice(0, 3).map(({ question, reference, answer }, i) => ({
        question,
        expected: reference ?? '',
        before: answer,
        after: after[i]?.answer ?? '',
      })),
      runFolder: folder.path,
      adapter: folder.adapterPath,
      report: joinPath(folder.path, 'report.html'),
    };
    if (context.json) await context.out(`${JSON.stringify(outcome)}\n`);
    else if (!context.quiet) {
      await context.out(summaryText(outcome));
      if (context.tty) openFile(outcome.report, process.platform, process.env);
    }
    return 0;
  } finally {
    progress.end();
    engine.close();
  }
}

export const startCommand: Command = {
  name: 'start',
  about:
    'Fine-tunes nano, the small model inside the package, on a task that ships with it, and measures it before and after.',
  options: [
    {
      name: 'out',
      kind: { type: 'text' },
      value: 'DIR',
      description: 'Run folder to write; runs/start-1, runs/start-2, … without it',
    },
    { name: 'seed', kind: { type: 'integer', least: 0 }, default: 42, description: 'Fixes all randomness' },
    {
      name: 'max-steps',
      kind: { type: 'integer', least: 1 },
      description: 'Steps in all; six times through the data without it',
    },
    {
      name: 'threads',
      kind: { type: 'integer', least: 1 },
      description: "Threads; the engine's own choice unless given",
    },
  ],
  stopsBySignal: true,
  run,
};
