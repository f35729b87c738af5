import { hint } from '../loop/nearest.ts';
import { UsageError } from '../loop/usageError.ts';
import { catalogue, type Paper } from './catalogue.ts';
import { findPaper, recipeOf, recipes } from './index.ts';
import type { Recipe } from './recipe.ts';

/** A paper of the catalogue, and whether there is a recipe for it. */
export interface ListedPaper extends Paper {
  readonly state: 'recipe' | 'open';
}

/** The paper of a number (52, 052) or slug. UsageError with the nearest slug where there is none. */
export function paperNamed(name: string | number): Paper {
  const found = findPaper(String(name));
  if (found) return found;
  const slugs = catalogue.map(({ slug }) => slug);
  throw new UsageError(
    `expected a number from 1 to ${catalogue.length} or a slug but found ${name}.${hint(String(name), slugs)}`,
  );
}

/** The recipe of a paper by number or slug. UsageError where there is none. */
function recipe(name: string | number): Recipe & Pick<Paper, 'slug' | 'title'> {
  const paper = paperNamed(name);
  const found = recipeOf(paper);
  if (found) return { ...found, slug: paper.slug, title: paper.title };
  const there = recipes.map(({ number }) => number).join(', ');
  throw new UsageError(`${paper.number} ${paper.slug} has no recipe yet; there are ${there}`);
}

/** The catalogue of papers and the recipes among them. */
export const papers = {
  list: (): readonly ListedPaper[] =>
    catalogue.map((paper) => ({ ...paper, state: recipeOf(paper) ? 'recipe' : 'open' })),
  recipe,
} as const;
