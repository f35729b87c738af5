import type { WeightGroup } from '../runtime/weights.ts';
import type { Stateful } from './stateful.ts';

/** Weights as a unit of checkpoints. */
export function weightState(name: string, groups: readonly WeightGroup[]): Stateful {
  return {
    name,
    version: 1,
    save: async () => {
      const tensors = new Map<string, Float32Array>();
      for (const { members } of groups) for (const member of members) tensors.set(member.name, await member.f32());
      return { tensors };
    },
    load: async ({ tensors }) => {
      for (const { members, flat } of groups) {
        for (const member of members) {
          const saved = tensors?.get(member.name);
          const own = await member.f32();
          if (saved?.length !== own.length) {
            throw new RangeError(
              `Expected ${own.length} values of ${name} ${member.name} but found ${saved?.length ?? 'none'}`,
            );
          }
          own.set(saved);
        }
        flat.touch();
      }
    },
  };
}
