import { loadFunction } from '../hub/files-module.ts';
import { namedRewards } from '../rewards/index.ts';
import type { Reward } from '../rewards/reward.ts';
import { userReward } from '../rewards/userReward.ts';

/** Whether a reward's path names a module. */
export const isRewardModule = (path: string | undefined): path is string =>
  path !== undefined && !Object.hasOwn(namedRewards, path);

/** A reward by its name, or a user's function by the path of its module. Error naming the module where it has none. */
export async function openReward(path: string): Promise<Reward> {
  return namedRewards[path] ?? userReward(await loadFunction(path, 'reward'));
}
