import type { Grade, Graded, Reward } from './reward.ts';

/** 1 where the completion is the reference, white space around both aside, else 0; null without a reference. */
export const exactMatch: Omit<Reward, 'grade'> & { grade(graded: Graded): Grade } = {
  name: 'exactMatch',
  range: [0, 1],
  grade: ({ completion, reference }) => {
    if (reference === undefined) return { score: null, reason: 'there is no reference to compare with' };
    const [found, expected] = [completion.trim(), reference.trim()];
    if (found === expected) return { score: 1, reason: 'equal' };
    let at = 0;
    while (at < found.length && found[at] === expected[at]) at++;
    return { score: 0, reason: found.length === 0 ? 'nothing was written' : `differs from character ${at + 1} on` };
  },
};
