import { modelStockRecipe } from './015-model-stock.ts';
import { colaRecipe } from './026-cola.ts';
import { ssfRecipe } from './033-ssf.ts';
import { maskedThoughtRecipe } from './037-masked-thought.ts';
import { intruderDimsRecipe } from './052-intruder-dims.ts';
import { componentClipRecipe } from './061-component-clip.ts';
import { esAtScaleRecipe } from './072-es-at-scale.ts';
import { iftRecipe } from './087-ift.ts';
import { dftRecipe } from './092-dft.ts';
import { catalogue, type Paper } from './catalogue.ts';
import type { Recipe } from './recipe.ts';

/** All recipes, by number. */
export const recipes: readonly Recipe[] = [
  modelStockRecipe,
  colaRecipe,
  ssfRecipe,
  maskedThoughtRecipe,
  intruderDimsRecipe,
  componentClipRecipe,
  esAtScaleRecipe,
  iftRecipe,
  dftRecipe,
];

/** A paper by its number (52 or 052) or slug. */
export const findPaper = (name: string): Paper | undefined =>
  catalogue.find(({ number, slug }) => slug === name || number === name.padStart(3, '0'));

export const recipeOf = ({ number }: Paper): Recipe | undefined => recipes.find((recipe) => recipe.number === number);
