import type { SupervisedExample } from '../data/supervise.ts';
import type { Tokenizer } from '../hub/tokenizer.ts';
import type { Grade, Reward } from '../rewards/reward.ts';
import { generate, type GenerateOptions } from './generate.ts';
import type { LoadedModel } from './model.ts';

/** A question with its answer as the data has it. */
export interface TaskItem {
  /** Number of the input line. */
  readonly index: number;
  readonly question: string;
  readonly ids: readonly number[];
  readonly reference: string;
}

export interface TaskAnswer extends Grade {
  readonly index: number;
  readonly question: string;
  readonly reference: string;
  readonly answer: string;
}

const contentOf = (message: { readonly [field: string]: unknown } | undefined): string => {
  const content = message?.['content'];
  if (typeof content !== 'string')
    throw new TypeError(`Expected a message with text as its content but found ${JSON.stringify(content)}`);
  return content;
};

/** The prompt of an example as the model meets it, and what should follow. Throws TypeError on data without prompt and completion. */
export function taskItem(index: number, example: SupervisedExample, tokenizer: Tokenizer): TaskItem {
  if (example.kind === 'pair') {
    return { index, question: example.prompt, ids: tokenizer.encode(example.prompt), reference: example.completion };
  }
  if (example.kind !== 'chatPair') throw new TypeError('Expected a prompt and a completion to grade answers by');
  const { prompt, completion, tools, variables } = example;
  const { ids } = tokenizer.applyChatTemplate(prompt, {
    addGenerationPrompt: true,
    ...(tools === undefined ? {} : { tools }),
    ...(variables === undefined ? {} : { variables }),
  });
  return { index, question: contentOf(prompt.at(-1)), ids, reference: contentOf(completion.at(-1)) };
}

/** Lets the model answer, greedily, and grades the answers. */
export async function gradeTask(
  loaded: LoadedModel,
  items: readonly TaskItem[],
  reward: Reward,
  options: Pick<GenerateOptions, 'maxNewTokens' | 'batchSize' | 'signal'>,
): Promise<TaskAnswer[]> {
  const answers: TaskAnswer[] = [];
  let at = 0;
  for await (const { text } of generate(loaded, items, { ...options, temperature: 0, topK: 0, topP: 1, seed: 0 })) {
    const item = items[at++];
    if (item === undefined) break;
    const { index, question, reference } = item;
    answers.push({ index, question, reference, answer: text, ...reward.grade({ completion: text, reference }) });
  }
  return answers;
}
