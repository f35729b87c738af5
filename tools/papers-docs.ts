// Writes docs/papers.md: every paper with a recipe and what its verification came to, from assets/papers.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogue } from '../src/papers/catalogue.ts';
import { useText } from '../src/cli/useText.ts';
import { recipeOf } from '../src/papers/index.ts';
import { outcomeText } from '../src/papers/verdict.ts';
import type { VerifyResult } from '../src/papers/verify.ts';

const root = join(import.meta.dirname, '..');
const rounded = (value: number): string => String(Number(value.toPrecision(3)));

function resultOf(number: string, slug: string): VerifyResult | undefined {
  const path = join(root, 'assets/papers', `${number}-${slug}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as VerifyResult) : undefined;
}

/** One arm's figures as mean and range over the seeds. */
function armRow({ figures }: VerifyResult, arm: string): string {
  const names = Object.keys(figures[0]?.[arm] ?? {});
  const cells = names.map((name) => {
    const values = figures.map((seed) => seed[arm]?.[name] ?? Number.NaN);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return `${rounded(mean)} (${rounded(Math.min(...values))} to ${rounded(Math.max(...values))})`;
  });
  return `| ${[arm, ...cells].join(' | ')} |`;
}

function resultLines(result: VerifyResult): string[] {
  const arms = Object.keys(result.figures[0] ?? {});
  const names = Object.keys(result.figures[0]?.[arms[0] ?? ''] ?? {});
  return [
    `**${result.verdict}**, ${result.seeds.length} seeds, ${result.model}, ${result.engine}, ${Math.round(result.seconds)} s in all, config \`${JSON.stringify(result.config)}\``,
    '',
    ...result.outcomes.map((outcome) => `- ${outcomeText(outcome, 3)}`),
    '',
    `| arm | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---').join('|')}|`,
    ...arms.map((arm) => armRow(result, arm)),
  ];
}

export function papersPage(): string {
  const sections = catalogue.flatMap((paper) => {
    const recipe = recipeOf(paper);
    if (!recipe) return [];
    const result = resultOf(paper.number, paper.slug);
    return [
      `## ${paper.number} ${paper.slug}`,
      '',
      paper.title,
      '',
      `Claim: ${recipe.claim}.`,
      '',
      ...recipe.departures.map((departure) => `- Departure: ${departure}`),
      '',
      ...(result ? resultLines(result) : ['Not verified yet.']),
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
    'Seconds are by the clock, on two cores that several runs and other work shared: they tell nothing of what a method costs.',
    '',
    ...sections,
    `## Without a recipe`,
    '',
    `${open.join(', ')}.`,
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync(join(root, 'docs/papers.md'), papersPage());
