import type { Reward } from './reward.ts';

/** -|characters of the completion - characters of the reference|; null without a reference. Evolution Strategies at Scale, section 4.3. */
export const conciseness: Reward = {
  name: 'conciseness',
  range: [-Infinity, 0],
  grade: ({ completion, reference }) => {
    if (reference === undefined) return { score: null, reason: 'there is no reference to compare with' };
    const [own, wanted] = [completion.length, reference.length];
    return { score: own === wanted ? 0 : -Math.abs(own - wanted), reason: `${own} characters, ${wanted} wanted` };
  },
};
