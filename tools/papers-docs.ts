// Writes docs/papers.md: every paper with a recipe and what its verification came to, from assets/papers.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogue } from '../src/papers/catalogue.ts';
import { useText } from '../src/cli/useText.ts';
import { recipeOf } from '../src/papers/index.ts';
import { resultFiles } from '../src/papers/resultFile.ts';
import { outcomeText } from '../src/papers/verdict.ts';
import type { VerifyResult } from '../src/papers/verify.ts';

const root = join(import.meta.dirname, '..');
const rounded = (value: number): string => String(Number(value.toPrecision(3)));

const folder = join(root, 'assets/papers');
const files = readdirSync(folder);
const read = (name: string): VerifyResult => JSON.parse(readFileSync(join(folder, name), 'utf8')) as VerifyResult;

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Processor time of an arm, mean over the seeds: of its training steps, and of all with opening and measuring. */
const costCells = ({ costs }: VerifyResult, arm: string): string[] =>
  costs === undefined
    ? []
    : (['trainCpuSeconds', 'cpuSeconds'] as const).map((name) =>
        rounded(meanOf(costs.map((seed) => seed[arm]?.[name] ?? Number.NaN))),
      );

/** One arm's figures as mean and range over the seeds. */
function armRow(result: VerifyResult, arm: string): string {
  const { figures } = result;
  const names = Object.keys(figures[0]?.[arm] ?? {});
  const cells = names.map((name) => {
    const values = figures.map((seed) => seed[arm]?.[name] ?? Number.NaN);
    return `${rounded(meanOf(values))} (${rounded(Math.min(...values))} to ${rounded(Math.max(...values))})`;
  });
  return `| ${[arm, ...cells, ...costCells(result, arm)].join(' | ')} |`;
}

/** The model: its name, and size, licence and fingerprint where the result tells them. */
function modelText({ model, base }: VerifyResult): string {
  if (base === undefined) return model;
  const { parameters, fingerprint, license } = base;
  const size = `${rounded(parameters / 1e6)}M parameters`;
  return `${model} (${[size, ...(license === undefined ? [] : [license]), `SHA-256 ${fingerprint.slice(0, 12)}…`].join(', ')})`;
}

function resultLines(result: VerifyResult): string[] {
  const { verdict, seeds, engine, cpuSeconds, seconds, config, costs, figures } = result;
  const arms = Object.keys(figures[0] ?? {});
  const names = [
    ...Object.keys(figures[0]?.[arms[0] ?? ''] ?? {}),
    ...(costs === undefined ? [] : ['training, CPU s', 'in all, CPU s']),
  ];
  const cost = cpuSeconds === undefined ? `${Math.round(seconds)} s by the clock` : `${Math.round(cpuSeconds)} CPU s`;
  return [
    `**${verdict}**, ${seeds.length} seeds, ${modelText(result)}, ${engine}, ${cost} in all, config \`${JSON.stringify(config)}\``,
    '',
    ...result.outcomes.map((outcome) => `- ${outcomeText(outcome, 3)}`),
    '',
    `| arm | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---').join('|')}|`,
    ...arms.map((arm) => armRow(result, arm)),
  ];
}

const departureLines = (departures: readonly string[]): string[] => [
  ...departures.map((departure) => `- Departure: ${departure}`),
  '',
];

/** What came of it on another model than the recipe's own. */
const otherLines = (result: VerifyResult): string[] => [
  '',
  `### ${result.number} on ${result.model}`,
  '',
  ...departureLines(result.departures),
  ...resultLines(result),
];

const costText = {
  told: [
    'CPU s are processor time of all threads, mean over the seeds: of the training steps alone, and with opening, data and measuring.',
  ],
  clock: [
    'Seconds by the clock are of two cores that several runs and other work shared: they tell nothing of what a method costs.',
  ],
} as const;

export function papersPage(): string {
  const results = catalogue.flatMap((paper) => resultFiles(files, paper).map(read));
  const sections = catalogue.flatMap((paper) => {
    const recipe = recipeOf(paper);
    if (!recipe) return [];
    const [result, ...others] = resultFiles(files, paper).map(read);
    return [
      `## ${paper.number} ${paper.slug}`,
      '',
      paper.title,
      '',
      `Claim: ${recipe.claim}.${recipe.reported === undefined ? '' : ` Reported: ${recipe.reported}.`}`,
      '',
      ...departureLines(recipe.departures),
      ...(result ? resultLines(result) : ['Not verified yet.']),
      ...others.flatMap(otherLines),
      '',
      `Use: \`${useText(recipe.use)}\``,
      '',
    ];
  });
  const open = catalogue.filter((paper) => !recipeOf(paper)).map(({ number, slug }) => `${number} ${slug}`);
  return [
    '# Papers',
    '',
    'Written by `node tools/papers-docs.ts` from the recipes in `src/papers/` and from `assets/papers/`, which `tuneloop papers verify N` wrote. A claim',
    "is reproduced where the 95% interval (Student's t over the seeds) of the mean difference between two arms, paired by seed, lies on",
    'the claimed side of zero; not reproduced where it lies on the other; else inconclusive. Figures are means over the seeds with',
    'their range. A spread is judged by the same test on the distances from the median of the arm over the seeds (Brown and Forsythe, paired).',
    'Seen from x on: half of the interval, so a true difference of x is found by every second try on as many seeds, one of 1.4 x by four of five.',
    'To gain: how far the other arm was from the best that the figure can come to, or from an arm that shows it. Where that is less than x, the test could show nothing.',
    ...(results.some(({ costs }) => costs !== undefined) ? costText.told : []),
    ...(results.some(({ costs }) => costs === undefined) ? costText.clock : []),
    '',
    ...sections,
    `## Without a recipe`,
    '',
    `${open.join(', ')}.`,
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync(join(root, 'docs/papers.md'), papersPage());
