import { z } from 'zod';
import type { GradeObjective } from './objective.ts';
import { objectiveUnit } from './unit.ts';

/** The mean grade of greedy answers, one to each prompt. */
export const rewardObjective = (maxCompletionLength: number): GradeObjective => ({
  type: 'reward',
  reduction: 'grade',
  answers: {
    numGenerations: 1,
    maxCompletionLength,
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
  },
});

export const rewardUnit = objectiveUnit({
  schema: z.strictObject({
    type: z.literal('reward').describe('is the grade itself, for es'),
    maxCompletionLength: z
      .number()
      .int()
      .min(1)
      .max(Number.MAX_SAFE_INTEGER)
      .default(128)
      .describe('Longest answer of the model that is learned from, in tokens'),
  }),
  make: ({ maxCompletionLength }) => rewardObjective(maxCompletionLength),
});
