import { joinPath, readOptionalJsonFile } from '../hub/files.ts';
import { isRecord } from '../hub/json.ts';
import { chooseEngine } from '../loop/engines.ts';
import { formatDuration } from '../loop/units.ts';
import { UsageError } from '../loop/usageError.ts';
import type { Paper } from '../papers/catalogue.ts';
import { recipeOf } from '../papers/index.ts';
import { paperNamed, papers } from '../papers/papers.ts';
import type { Figures, Recipe } from '../papers/recipe.ts';
import { namedUse } from '../papers/use.ts';
import { outcomeText } from '../papers/verdict.ts';
import { runArms, verify, type VerifyOptions, type VerifyResult } from '../papers/verify.ts';
import { linalgPool } from '../runtime/node/linalg-pool.ts';
import { runtimeVersions } from '../runtime/node/host.ts';
import type { Args, Option } from './args.ts';
import { assetPath } from './assets.ts';
import type { Command, CommandGroup, Context } from './command.ts';
import { Interrupted } from './errors.ts';
import { engineChoice, engineOptions, outOption } from './rows.ts';
import { useText } from './useText.ts';

const numberOption: Option = {
  name: 'paper',
  kind: { type: 'text' },
  value: 'N',
  required: true,
  positional: true,
  description: 'Number or slug of the paper',
};

/** Errors of the catalogue, which say what is wrong with the name. */
function named<T>(find: () => T): T {
  try {
    return find();
  } catch (cause) {
    throw cause instanceof UsageError ? new UsageError(`N: ${cause.message}`, { cause }) : cause;
  }
}

const paperOf = (args: Args): Paper => named(() => paperNamed(args.required('paper')));

const recipeFor = (args: Args): { readonly paper: Paper; readonly recipe: Recipe } =>
  named(() => ({ paper: paperNamed(args.required('paper')), recipe: papers.recipe(args.required('paper')) }));

/** What the package holds of an earlier verification. */
async function resultOf({ number, slug }: Paper): Promise<VerifyResult | undefined> {
  const found = await readOptionalJsonFile(assetPath(`papers/${number}-${slug}.json`));
  return isRecord(found) ? (found as unknown as VerifyResult) : undefined;
}

const listCommand: Command = {
  name: 'papers list',
  about: 'The papers of the catalogue, which of them have a recipe, and what its verification came to.',
  options: [],
  stopsBySignal: false,
  async run(_args, context) {
    const rows = await Promise.all(
      papers.list().map(async (paper) => {
        const { number, slug, title, kind, state } = paper;
        const verdict = (await resultOf(paper))?.verdict;
        return { number, slug, title, kind, state, ...(verdict === undefined ? {} : { verdict }) };
      }),
    );
    if (context.json) await context.out(`${JSON.stringify(rows)}\n`);
    else {
      for (const { number, slug, title, state, verdict } of rows)
        await context.out(`${number}  ${(verdict ?? state).padEnd(15)} ${slug.padEnd(28)} ${title}\n`);
    }
    return 0;
  },
};

const rounded = (value: number): number => Number(value.toPrecision(4));
const figuresText = (figures: Figures): string =>
  Object.entries(figures)
    .map(([name, value]) => `${name} ${rounded(value)}`)
    .join(', ');

function outcomeLines({ outcomes, verdict, seeds, seconds, model, engine }: VerifyResult): string[] {
  return [
    ...outcomes.map((outcome) => outcomeText(outcome, 4)),
    `${verdict}: ${seeds.length} seeds, ${model} on ${engine}, ${formatDuration(seconds)}`,
  ];
}

/** How a program of one's own takes it. */
function libraryLines({ number, use: { config, probe, surgery } }: Recipe): string[] {
  const use = `papers.recipe(${Number(number)}).use`;
  return [
    ...(config ? [`in TypeScript: tune({ …, ...${use}.config }, …), which is ${JSON.stringify(config)}`] : []),
    ...(probe ? [`in TypeScript: measureChange(${use}.probe, { before, after })`] : []),
    ...(surgery ? [`in TypeScript: operateOn(${use}.surgery, { base, models, out })`] : []),
  ];
}

const showCommand: Command = {
  name: 'papers show',
  about: 'A paper of the catalogue: what it offers, the recipe and its claim, and what the verification came to.',
  options: [numberOption],
  stopsBySignal: false,
  async run(args, context) {
    const paper = paperOf(args);
    const recipe = recipeOf(paper);
    const result = await resultOf(paper);
    if (context.json) {
      const { build: _build, ...told } = recipe ?? {};
      const described = recipe ? { recipe: { ...told, use: namedUse(recipe.use) } } : {};
      const state = recipe ? 'recipe' : 'open';
      await context.out(`${JSON.stringify({ ...paper, state, ...described, ...(result ? { result } : {}) })}\n`);
      return 0;
    }
    const lines = [
      `${paper.number} ${paper.slug}: ${paper.title}`,
      `${paper.kind}; parts: ${paper.parts}`,
      ...(recipe
        ? [
            `claim: ${recipe.claim}`,
            ...recipe.departures.map((departure) => `departure: ${departure}`),
            `use: ${useText(recipe.use)}`,
            ...libraryLines(recipe),
            `config: ${JSON.stringify(recipe.config)}`,
          ]
        : ['no recipe yet']),
      ...(result ? outcomeLines(result) : []),
    ];
    await context.out(`${lines.join('\n')}\n`);
    return 0;
  },
};

/** Engine, linear algebra and progress for as long as `use` takes. */
async function withOptions<T>(
  args: Args,
  context: Context,
  out: string,
  use: (options: VerifyOptions) => Promise<T>,
): Promise<T> {
  const { engine, notices } = await chooseEngine(engineChoice(args), (line) => context.err(`${line}\n`));
  for (const notice of notices) context.err(`${notice}\n`);
  const linalg = linalgPool();
  try {
    return await use({
      out,
      engine,
      linalg,
      versions: runtimeVersions(),
      signal: context.signal,
      onArm: ({ seed, arm, figures }) => context.err(`seed ${seed}, ${arm}: ${figuresText(figures)}\n`),
    });
  } catch (error) {
    throw context.signal.aborted ? new Interrupted(`Interrupted; the same command goes on in ${out}`) : error;
  } finally {
    linalg.close();
    engine.close();
  }
}

const runCommand: Command = {
  name: 'papers run',
  about: 'Runs the arms of a recipe on one seed.',
  options: [
    numberOption,
    { ...outOption, value: 'DIR', required: true, description: 'Folder for the runs and their figures' },
    { name: 'smoke', kind: { type: 'boolean' }, description: 'Seconds long: shows that it runs, not what it comes to' },
    { name: 'seed', kind: { type: 'integer', least: 0 }, default: 42, description: 'Fixes data and training' },
    ...engineOptions,
  ],
  stopsBySignal: true,
  async run(args, context) {
    const { recipe } = recipeFor(args);
    const seed = args.number('seed') ?? 42;
    const config = args.flag('smoke') ? recipe.smoke : recipe.config;
    const out = args.required('out');
    const cells = await withOptions(args, context, out, (options) =>
      runArms(recipe, { config, seeds: [seed] }, options),
    );
    const figures = Object.fromEntries(
      [...cells].map(([key, cell]) => [key.slice(key.indexOf(' ') + 1), cell.figures]),
    );
    if (context.json) await context.out(`${JSON.stringify({ number: recipe.number, seed, config, figures })}\n`);
    else
      context.err(
        `${joinPath(out, 'figures.json')}: one seed says how it goes, not whether the claim holds: papers verify ${recipe.number}\n`,
      );
    return 0;
  },
};

const verifyCommand: Command = {
  name: 'papers verify',
  about: `Runs a recipe and its baselines over seeds and says whether the claim is reproduced: the 95% interval of the mean
difference between arms, paired by seed, lies on the claimed side of zero; of a spread, that of the distances from the arm's
median. Goes on where an earlier start ended.`,
  options: [
    numberOption,
    {
      ...outOption,
      value: 'DIR',
      description: 'Folder for the runs, their figures and result.json; papers/N-slug without it',
    },
    {
      name: 'seeds',
      kind: { type: 'integer', least: 3 },
      description: "Number of seeds; the recipe's own unless given",
    },
    ...engineOptions,
  ],
  stopsBySignal: true,
  async run(args, context) {
    const { paper, recipe } = recipeFor(args);
    const out = args.text('out') ?? joinPath('papers', `${paper.number}-${paper.slug}`);
    const count = args.number('seeds');
    const seeds = count === undefined ? {} : { seeds: Array.from({ length: count }, (_, i) => i + 1) };
    const result = await withOptions(args, context, out, (options) => verify(recipe, { ...options, ...seeds }));
    if (context.json) await context.out(`${JSON.stringify(result)}\n`);
    else await context.out(`${outcomeLines(result).join('\n')}\n`);
    return 0;
  },
};

const entries = [listCommand, showCommand, runCommand, verifyCommand];
const summaries = [
  'The catalogue, and what has a recipe',
  'One paper: its claim, its recipe, its verdict',
  'A recipe on one seed',
  'A recipe and its baselines over seeds, with a verdict',
];

export const papersGroup: CommandGroup = {
  name: 'papers',
  about: 'Published methods as recipes, their claims checked over seeds.',
  commands: entries.map((command, i) => ({
    name: command.name.replace('papers ', ''),
    summary: summaries[i] ?? '',
    load: () => Promise.resolve(command),
  })),
};
