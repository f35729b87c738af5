import type { TaskItem } from '../data/taskItem.ts';
import type { Grade, Reward } from '../rewards/reward.ts';
import { generate, type GenerateOptions } from './generate.ts';
import type { ReadyModel } from './readyModel.ts';

/** An answer that the model gave by itself, and its grade. */
export interface GradedAnswer extends Grade {
  readonly item: TaskItem;
  /** Which of the answers to this prompt. */
  readonly sample: number;
  /** New tokens only; a stop token that ended the answer is the last. */
  readonly ids: readonly number[];
  readonly text: string;
  readonly finishReason: 'stop' | 'length';
}

export type AnsweringOptions = Pick<
  GenerateOptions,
  | 'maxNewTokens'
  | 'batchSize'
  | 'samples'
  | 'temperature'
  | 'topK'
  | 'topP'
  | 'minP'
  | 'repetitionPenalty'
  | 'seed'
  | 'signal'
>;

/** Lets the model as it is now answer prompts and grades the answers: those to one prompt lie together, in the order of the prompts. */
export async function answerPrompts(
  loaded: ReadyModel,
  items: readonly TaskItem[],
  reward: Reward,
  options: AnsweringOptions,
): Promise<GradedAnswer[]> {
  const { samples = 1 } = options;
  const places = new Map(items.map(({ index }, place) => [index, place]));
  const found: GradedAnswer[] = [];
  for await (const { index, sample = 0, ids, text, finishReason } of generate(loaded, items, options)) {
    const place = places.get(index) ?? 0;
    const item = items[place];
    if (item === undefined)
      throw new RangeError(`Expected an answer to a prompt but found one to input line ${index + 1}`);
    const { question, reference, fields = {} } = item;
    const grade = await reward.grade({ prompt: question, completion: text, reference, fields });
    found[place * samples + sample] = { item, sample, ids, text, finishReason, ...grade };
  }
  return found;
}
