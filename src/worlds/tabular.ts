import { at } from '../ir/graph.ts';
import { philox, randomKey, uniformOf } from '../ir/random.ts';
import type { Episode, Step } from './world.ts';

/** One of the things that may come of an action. */
export interface Transition {
  readonly probability: number;
  readonly next: number;
  readonly reward: number;
  readonly terminated: boolean;
}

/** By state and action, in the order in which chance picks them. */
export type Transitions = readonly (readonly (readonly Transition[])[])[];

/** The first transition whose cumulated probability exceeds a uniform draw, as Gymnasium's `categorical_sample`. */
export function drawn(transitions: readonly Transition[], uniform: number): Transition {
  let reached = 0;
  // Where rounding leaves the sum below the draw, Gymnasium's argmax of nothing is the first.
  return transitions.find(({ probability }) => (reached += probability) > uniform) ?? at(transitions, 0);
}

/** An episode of a table from a state on; `uniform` draws the chance of a step, 1 for the first. */
export function tabularEpisode(
  transitions: Transitions,
  { start, maxSteps, uniform }: { readonly start: number; readonly maxSteps: number; uniform(step: number): number },
): Episode {
  let [state, steps, ended] = [start, 0, false];
  return {
    observation: () => state,
    step: (action): Step => {
      if (ended) throw new Error(`Expected an episode that goes on but it ended at step ${steps}`);
      const here = at(transitions, state);
      const choices = here[action];
      if (choices === undefined) throw new RangeError(`Expected an action below ${here.length} but found ${action}`);
      steps++;
      const { next, reward, terminated } = drawn(choices, uniform(steps));
      const truncated = steps >= maxSteps;
      state = next;
      ended = terminated || truncated;
      return { observation: next, reward, terminated, truncated };
    },
  };
}

/** Uniform numbers in [0, 1) of a seed, by step. */
export function seededUniform(seed: number, name: string): (step: number) => number {
  const [k0, k1] = randomKey(seed, name);
  const block = new Uint32Array(4);
  return (step) => {
    philox(block, 0, k0, k1, step, 0, 0, 0);
    return uniformOf(block[0] ?? 0);
  };
}

/**
 * Q_n(s, a) = Σ p (r + [not terminated] max_a' Q_{n-1}(s', a')), the greatest expected sum of rewards with n steps left, by state
 * and action (backward induction, Bellman 1957); Q_0 = 0.
 */
export function actionValues(transitions: Transitions, steps: number): readonly (readonly number[])[] {
  let values = transitions.map(() => 0);
  let table: number[][] = transitions.map((actions) => actions.map(() => 0));
  for (let n = 0; n < steps; n++) {
    table = transitions.map((actions) =>
      actions.map((choices) =>
        choices.reduce(
          (sum, { probability, next, reward, terminated }) =>
            sum + probability * (reward + (terminated ? 0 : at(values, next))),
          0,
        ),
      ),
    );
    values = table.map((row) => Math.max(...row));
  }
  return table;
}
