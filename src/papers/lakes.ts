import { at } from '../ir/graph.ts';
import { frozenLake, type FrozenLake } from '../worlds/frozenLake.ts';
import { randomLakeMap } from '../worlds/frozenLakeMaps.ts';
import { lakeText } from '../worlds/frozenLakeText.ts';
import { seededUniform, type Transitions } from '../worlds/tabular.ts';

/** A lake that one does not slip on, with a shortest way and one that goes wrong once. */
export interface LakeWays {
  readonly lake: FrozenLake;
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
}

/** Fewest steps to a reward from each state of a table without chance; Infinity where there is no way. */
export function stepsToReward(transitions: Transitions): readonly number[] {
  const steps = transitions.map(() => Infinity);
  for (let changed = true; changed;) {
    changed = false;
    transitions.forEach((actions, state) => {
      for (const [outcome] of actions) {
        if (!outcome) continue;
        const there = outcome.reward > 0 ? 0 : outcome.terminated ? Infinity : at(steps, outcome.next);
        if (there + 1 >= at(steps, state)) continue;
        steps[state] = there + 1;
        changed = true;
      }
    });
  }
  return steps;
}

/** 1 / (number of them) for the actions of a state that lie on a shortest way, else 0. */
export function shortestPolicy(transitions: Transitions, steps: readonly number[], state: number): readonly number[] {
  const costs = at(transitions, state).map(([outcome]) => {
    if (!outcome) return Infinity;
    return outcome.reward > 0 ? 0 : outcome.terminated ? Infinity : at(steps, outcome.next);
  });
  const least = Math.min(...costs);
  const best = costs.filter((cost) => cost === least).length;
  return costs.map((cost) => (cost === least ? 1 / best : 0));
}

/** A way in words that is shortest but for the step `wrongAt`, where any action is taken that is not. */
function wayOf(lake: FrozenLake, wrongAt: number, chance: (step: number) => number): string {
  const { actions, says, world } = lakeText(lake);
  const steps = stepsToReward(lake.transitions);
  const episode = world.start(0);
  let text = '';
  for (let step = 0, over = false; !over; step++) {
    const policy = shortestPolicy(lake.transitions, steps, episode.observation());
    const open = policy.flatMap((share, action) => (share > 0 === (step !== wrongAt) ? [action] : []));
    const action = at(open, Math.floor(chance(step) * open.length));
    const taken = episode.step(action);
    text += `${at(actions, action)}${says(taken)}`;
    over = taken.terminated || taken.truncated;
  }
  return text;
}

/** Different random lakes with ways on them, the same for a seed. */
export function makeLakes(options: {
  readonly count: number;
  readonly size: number;
  readonly frozen: number;
  readonly maxSteps: number;
  readonly seed: number;
}): LakeWays[] {
  const { count, size, frozen, maxSteps, seed } = options;
  const seen = new Set<string>();
  const lakes: LakeWays[] = [];
  for (let draw = 0; lakes.length < count; draw++) {
    if (draw > 50 * count) throw new RangeError(`Expected ${count} different lakes but found ${lakes.length}`);
    const map = randomLakeMap({ size, frozen, seed: seed * 1_000_000 + draw });
    if (seen.has(map.join())) continue;
    seen.add(map.join());
    const lake = frozenLake({ map, isSlippery: false, maxSteps });
    const chance = seededUniform(seed, `way ${draw}`);
    const length = at(stepsToReward(lake.transitions), lake.startState);
    const wrongAt = Math.floor(chance(maxSteps) * length);
    lakes.push({
      lake,
      prompt: lakeText(lake).prompt,
      chosen: wayOf(lake, -1, chance),
      rejected: wayOf(lake, wrongAt, chance),
    });
  }
  return lakes;
}
