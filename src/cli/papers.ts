import { joinPath, listFolder, readJsonFile } from '../hub/files.ts';
import { isRecord } from '../hub/json.ts';
import type { Paper } from '../papers/catalogue.ts';
import { recipeOf } from '../papers/index.ts';
import { paperNamed, papers } from '../papers/papers.ts';
import type { Recipe } from '../papers/recipe.ts';
import { resultFiles } from '../papers/resultFile.ts';
import { namedUse } from '../papers/use.ts';
import type { VerifyResult } from '../papers/verify.ts';
import { assetPath } from './assets.ts';
import type { Command, CommandGroup } from './command.ts';
import { paperNamedBy, paperOption } from './paperOption.ts';
import { runCommand, verifyCommand } from './papersRun.ts';
import { outcomeLines } from './paperText.ts';
import { useText } from './useText.ts';

/** What the package holds of a paper's verifications: on the recipe's own model first, then on others by name. */
async function resultsOf({ number, slug }: Paper): Promise<VerifyResult[]> {
  const folder = assetPath('papers');
  const names = resultFiles(await listFolder(folder), { number, slug });
  const found = await Promise.all(names.map((name) => readJsonFile(joinPath(folder, name))));
  return found.filter(isRecord) as unknown as VerifyResult[];
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
        const results = (await resultsOf(paper)).map(({ model, verdict }) => ({ model, verdict }));
        const [first] = results;
        return { number, slug, title, kind, state, ...(first ? { verdict: first.verdict, results } : {}) };
      }),
    );
    if (context.json) await context.out(`${JSON.stringify(rows)}\n`);
    else {
      for (const { number, slug, title, state, verdict, results = [] } of rows) {
        const others = results.slice(1).map((other) => `; ${other.verdict} on ${other.model}`);
        await context.out(
          `${number}  ${(verdict ?? state).padEnd(15)} ${slug.padEnd(28)} ${title}${others.join('')}\n`,
        );
      }
    }
    return 0;
  },
};

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
  options: [paperOption],
  stopsBySignal: false,
  async run(args, context) {
    const paper = paperNamedBy(() => paperNamed(args.required('paper')));
    const recipe = recipeOf(paper);
    const results = await resultsOf(paper);
    if (context.json) {
      const { build: _build, ...told } = recipe ?? {};
      const described = recipe ? { recipe: { ...told, use: namedUse(recipe.use) } } : {};
      const state = recipe ? 'recipe' : 'open';
      await context.out(
        `${JSON.stringify({ ...paper, state, ...described, ...(results.length === 0 ? {} : { result: results[0], results }) })}\n`,
      );
      return 0;
    }
    const lines = [
      `${paper.number} ${paper.slug}: ${paper.title}`,
      `${paper.kind}; parts: ${paper.parts}`,
      ...(recipe
        ? [
            `claim: ${recipe.claim}`,
            ...(recipe.reported === undefined ? [] : [`reported: ${recipe.reported}`]),
            ...recipe.departures.map((departure) => `departure: ${departure}`),
            `use: ${useText(recipe.use)}`,
            ...libraryLines(recipe),
            `config: ${JSON.stringify(recipe.config)}`,
            ...(recipe.others ?? []).map((other) => `config for ${other.model}: ${JSON.stringify(other.config)}`),
          ]
        : ['no recipe yet']),
      ...results.flatMap(outcomeLines),
    ];
    await context.out(`${lines.join('\n')}\n`);
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
