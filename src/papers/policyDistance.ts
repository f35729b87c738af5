import type { Trajectory } from '../loop/rollOut.ts';
import { at } from '../ir/graph.ts';
import { type LakeWays, shortestPolicy, stepsToReward } from './lakes.ts';

/** Mean over turns and actions of (π(a | text) - π*(a | s))², π* even over the actions of shortest ways. */
export function policyDistance(lakes: readonly LakeWays[], trajectories: readonly Trajectory[]): number {
  let [sum, count] = [0, 0];
  trajectories.forEach(({ turns }, i) => {
    const { transitions } = at(lakes, i).lake;
    const steps = stepsToReward(transitions);
    for (const { seen, policy } of turns) {
      shortestPolicy(transitions, steps, seen).forEach((share, action) => {
        sum += ((policy[action] ?? Number.NaN) - share) ** 2;
        count++;
      });
    }
  });
  return sum / count;
}
