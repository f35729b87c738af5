import { joinPath } from '../hub/files.ts';
import { shareOf } from '../loop/compare/share.ts';
import { chooseEngine } from '../loop/engines.ts';
import { formatDuration } from '../loop/units.ts';
import { UsageError } from '../loop/usageError.ts';
import { type CellsOptions, runCells } from '../papers/cells.ts';
import { papers } from '../papers/papers.ts';
import { resultName } from '../papers/resultFile.ts';
import { runArm } from '../papers/runArm.ts';
import { runArmInChild } from '../papers/runArmInChild.ts';
import { type Trial, trialOf } from '../papers/trial.ts';
import { verify } from '../papers/verify.ts';
import { coreCount, hostMemory, runtimeVersions } from '../runtime/node/host.ts';
import { linalgPool } from '../runtime/node/linalg-pool.ts';
import type { Args, Option } from './args.ts';
import { bring } from './bring.ts';
import type { Command, Context } from './command.ts';
import { Interrupted } from './errors.ts';
import { paperNamedBy, paperOption } from './paperOption.ts';
import { armProgress } from './paperProgress.ts';
import { outcomeLines } from './paperText.ts';
import { engineChoice, engineOptions, outOption } from './rows.ts';

const trialOptions: readonly Option[] = [
  {
    name: 'model',
    kind: { type: 'text' },
    value: 'M',
    description:
      "Model that the recipe learns on: Hugging Face id, checkpoint folder or .gguf file; the recipe's own unless given",
  },
  {
    name: 'set',
    kind: { type: 'map', of: 'text' },
    description: "Values of the recipe's config, which papers show prints: steps=40,learningRate=1e-3",
  },
];

const parallelOption: Option = {
  name: 'parallel',
  kind: { type: 'integer', least: 1 },
  default: 1,
  description: 'Arms and seeds side by side, each in a process of its own with its share of the cores',
};

/** The recipe on the model that the options name. */
async function askedTrial(args: Args, context: Context, smoke: boolean): Promise<Trial> {
  const recipe = paperNamedBy(() => papers.recipe(args.required('paper')));
  const named = args.text('model');
  const model = named === undefined ? undefined : await bring(named, 'model', context);
  const changes = args.map('set') ?? {};
  try {
    return await trialOf(recipe, { model, smoke, changes });
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    const message = cause.message.replace(/^model: /, '--model: ').replace(/^config\./, '--set ');
    throw new UsageError(message, { cause });
  }
}

/** What runs the arms, here or in processes, and their progress, for as long as `use` takes. */
async function withRunner<T>(
  { recipe }: Trial,
  args: Args,
  context: Context,
  out: string,
  use: (options: CellsOptions) => Promise<T>,
): Promise<T> {
  const { signal } = context;
  const asked = args.number('parallel') ?? 1;
  const cores = { cores: coreCount(), availableBytes: hostMemory.availableBytes() };
  const choice = engineChoice(args);
  const share = shareOf(Array<number>(asked).fill(0), cores, { parallel: asked, threads: choice.threads });
  const { engine, notices } = await chooseEngine(choice, (line) => context.err(`${line}\n`), { signal });
  for (const notice of notices) context.err(`${notice}\n`);
  const linalg = linalgPool(choice.threads === undefined ? {} : { threads: choice.threads });
  const progress = armProgress(context);
  const inChild: CellsOptions['run'] = (task) =>
    runArmInChild(
      { ...task, number: recipe.number, engine: { ...choice, threads: share.threads } },
      { signal, emit: (step) => progress.step(task, step), onOutput: (text) => progress.line(text.trimEnd()) },
    );
  const here: CellsOptions['run'] = (task) =>
    runArm(recipe, task, { engine, linalg, signal, onStep: (step) => progress.step(task, step) });
  try {
    return await use({
      out,
      engine: `${engine.name} ${engine.precision}`,
      run: asked > 1 ? inChild : here,
      parallel: asked,
      signal,
      onArm: progress.arm,
    });
  } catch (error) {
    throw signal.aborted ? new Interrupted(`Interrupted; the same command goes on in ${out}`) : error;
  } finally {
    progress.end();
    linalg.close();
    engine.close();
  }
}

export const runCommand: Command = {
  name: 'papers run',
  about: 'Runs the arms of a recipe on one seed.',
  options: [
    paperOption,
    { ...outOption, value: 'DIR', required: true, description: 'Folder for the runs and their figures' },
    ...trialOptions,
    { name: 'smoke', kind: { type: 'boolean' }, description: 'Seconds long: shows that it runs, not what it comes to' },
    { name: 'seed', kind: { type: 'integer', least: 0 }, default: 42, description: 'Fixes data and training' },
    parallelOption,
    ...engineOptions,
  ],
  stopsBySignal: true,
  async run(args, context) {
    const seed = args.number('seed') ?? 42;
    const out = args.required('out');
    const trial = await askedTrial(args, context, args.flag('smoke'));
    const { recipe, config, base } = trial;
    const cells = await withRunner(trial, args, context, out, (options) => runCells(trial, [seed], options));
    const { number } = recipe;
    const ofArms = recipe.build(config).arms.flatMap((arm) => {
      const cell = cells.get(`${seed} ${arm}`);
      return cell ? [[arm, cell] as const] : [];
    });
    const figures = Object.fromEntries(ofArms.map(([arm, cell]) => [arm, cell.figures]));
    const costs = Object.fromEntries(ofArms.map(([arm, { cost }]) => [arm, cost]));
    if (context.json) await context.out(`${JSON.stringify({ number, seed, model: base, config, figures, costs })}\n`);
    else
      context.err(
        `${joinPath(out, 'figures.json')}: one seed says how it goes, not whether the claim holds: papers verify ${number}\n`,
      );
    return 0;
  },
};

export const verifyCommand: Command = {
  name: 'papers verify',
  about: `Runs a recipe and its baselines over seeds and says whether the claim is reproduced: the 95% interval of the mean
difference between arms, paired by seed, lies on the claimed side of zero; of a spread, that of the distances from the arm's
median. Goes on where an earlier start ended.`,
  options: [
    paperOption,
    {
      ...outOption,
      value: 'DIR',
      description: 'Folder for the runs, their figures and result.json; papers/N-slug without it, .MODEL after it',
    },
    ...trialOptions,
    {
      name: 'seeds',
      kind: { type: 'integer', least: 3 },
      description: "Number of seeds, from the recipe's first on; the recipe's own unless given",
    },
    parallelOption,
    ...engineOptions,
  ],
  stopsBySignal: true,
  async run(args, context) {
    const trial = await askedTrial(args, context, false);
    const paper = papers.recipe(trial.recipe.number);
    const other = trial.base.name === paper.model ? undefined : trial.base.name;
    const out = args.text('out') ?? joinPath('papers', resultName(paper, other));
    const count = args.number('seeds');
    const [first = 1] = trial.seeds;
    const seeds = count === undefined ? undefined : Array.from({ length: count }, (_, i) => first + i);
    const versions = runtimeVersions();
    const result = await withRunner(trial, args, context, out, (options) =>
      verify(trial, { ...options, seeds, versions }),
    );
    if (context.json) await context.out(`${JSON.stringify(result)}\n`);
    else await context.out(`${outcomeLines(result).join('\n')}\n`);
    context.err(`${joinPath(out, 'result.json')}, ${formatDuration(result.seconds)} by the clock\n`);
    return 0;
  },
};
