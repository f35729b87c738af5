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
  /** Best that the figure, or its spread, can come to, or the arm that shows what there is to gain. */
  readonly limit?: number | string;
}

/** The runs that test a claim. */
export interface Experiment {
  readonly arms: readonly string[];
  readonly expectations: readonly Expectation[];
  /** One arm on one seed; all arms of a seed see the same data. */
  run(arm: string, seed: number, lab: Lab): Promise<Figures>;
}

/** How a recipe is run on a model. */
export interface Setting<C extends object = object> {
  /** The model that is tuned: one in the package, or its id on the hub. */
  readonly model: string;
  readonly config: C;
  /** Where this differs from the paper. */
  readonly departures: readonly string[];
  readonly seeds: readonly number[];
}

/** The same for a model that is not in the package. */
export interface OtherSetting<C extends object = object> extends Setting<C> {
  /** How many the model has. */
  readonly parameters: number;
}

interface RecipeOf<C extends object> extends Setting<C> {
  /** Of the catalogue. */
  readonly number: string;
  /** In a sentence, at the scale that is checked here. */
  readonly claim: string;
  /** What the paper says that it gains, in its own measure, where it says so in its abstract. */
  readonly reported?: string;
  /** How a run of one's own uses the method. */
  readonly use: RecipeUse;
  /** For models of other sizes; a language model takes the one whose model is nearest in size. */
  readonly others?: readonly OtherSetting<C>[];
  /** Why it can learn on no other model than its own. */
  readonly onlyModel?: string;
  /** Seconds long: shows that it runs, not what it comes to. */
  readonly smoke: C;
  build(config: C): Experiment;
}

/** A published method as data and the parts that it is put together from. */
export type Recipe = RecipeOf<object>;

/** Lets the compiler infer the config's type. */
export const defineRecipe = <C extends object>(recipe: RecipeOf<C>): Recipe => recipe;
