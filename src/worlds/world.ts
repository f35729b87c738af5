/** What an action led to. */
export interface Step {
  readonly observation: number;
  readonly reward: number;
  /** The world has come to an end of its own. */
  readonly terminated: boolean;
  /** The last step that is allowed was taken; both may hold. */
  readonly truncated: boolean;
}

/** One life in a world. */
export interface Episode {
  /** What is seen before the next action. */
  observation(): number;
  /** RangeError on an action that the world does not have, Error after the end. */
  step(action: number): Step;
}

/** A world of numbered observations and actions. */
export interface World {
  readonly type: string;
  /** Observations are the whole numbers below this. */
  readonly observations: number;
  /** Their names, by number. */
  readonly actions: readonly string[];
  /** Least and greatest reward of a step. */
  readonly rewards: readonly [least: number, greatest: number];
  /** Steps after which an episode is cut off. */
  readonly maxSteps: number;
  /** Greatest expected sum of an episode's rewards; undefined where it is not known. */
  readonly optimum: number | undefined;
  /** An episode whose chances are a function of the seed and the step. */
  start(seed: number): Episode;
}
