import type { Lab } from './lab.ts';
import type { RecipeUse } from './use.ts';

/** What one arm came to on one seed, by name. */
export type Figures = Readonly<Record<string, number>>;

/** What the paper claims, as a difference between two arms that can be measured. */
export interface Expectation {
  readonly figure: string;
  /** What of the figure: its level unless given, or how far it spreads over the seeds. */
  readonly of?: 'level' | 'spread';
  readonly arm: string;
  readonly than: string;
  readonly is: 'higher' | 'lower';
}

/** The runs that test a claim. */
export interface Experiment {
  readonly arms: readonly string[];
  readonly expectations: readonly Expectation[];
  /** One arm on one seed; all arms of a seed see the same data. */
  run(arm: string, seed: number, lab: Lab): Promise<Figures>;
}

/** What a recipe says beside its config. */
interface RecipeText {
  /** Of the catalogue. */
  readonly number: string;
  /** In a sentence, at the scale that is checked here. */
  readonly claim: string;
  /** Where this differs from the paper. */
  readonly departures: readonly string[];
  /** How a run of one's own uses the method. */
  readonly use: RecipeUse;
  /** The model that is tuned. */
  readonly model: string;
  readonly seeds: readonly number[];
}

interface RecipeOf<C extends object> extends RecipeText {
  readonly config: C;
  /** Seconds long: shows that it runs, not what it comes to. */
  readonly smoke: C;
  build(config: C): Experiment;
}

/** A published method as data and the parts that it is put together from. */
export type Recipe = RecipeOf<object>;

/** Lets the compiler infer the config's type. */
export const defineRecipe = <C extends object>(recipe: RecipeOf<C>): Recipe => recipe;
