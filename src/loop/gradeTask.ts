import type { TaskItem } from '../data/taskItem.ts';
import type { Grade, Reward } from '../rewards/reward.ts';
import type { GenerateOptions } from './generate.ts';
import type { LoadedModel } from './model.ts';
import { answerPrompts } from './answerPrompts.ts';

export { type TaskItem, taskItem } from '../data/taskItem.ts';

export interface TaskAnswer extends Grade {
  readonly index: number;
  readonly question: string;
  readonly reference: string | undefined;
  readonly answer: string;
}

/** Lets the model answer, greedily, and grades the answers. */
export async function gradeTask(
  loaded: LoadedModel,
  items: readonly TaskItem[],
  reward: Reward,
  options: Pick<GenerateOptions, 'maxNewTokens' | 'batchSize' | 'signal'>,
): Promise<TaskAnswer[]> {
  const greedy = { ...options, temperature: 0, topK: 0, topP: 1, seed: 0 };
  return (await answerPrompts(loaded, items, reward, greedy)).map(({ item, text, score, reason }) => {
    const { index, question, reference } = item;
    return { index, question, reference, answer: text, score, reason };
  });
}
