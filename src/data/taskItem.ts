import type { Tokenizer } from '../hub/tokenizer.ts';
import type { Example } from './formats.ts';
import { messagesOf, type SupervisedExample } from './supervise.ts';

/** A question with its answer as the data has it. */
export interface TaskItem {
  /** Number of the input line. */
  readonly index: number;
  readonly question: string;
  readonly ids: readonly number[];
  /** Undefined where the data ends with what was asked. */
  readonly reference: string | undefined;
  /** The row's fields, for rewards that look at them. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

const contentOf = (message: { readonly [field: string]: unknown } | undefined): string => {
  const content = message?.['content'];
  if (typeof content !== 'string')
    throw new TypeError(`Expected a message with text as its content but found ${JSON.stringify(content)}`);
  return content;
};

/** The prompt of an example as the model meets it, and what should follow: of a chat the last message, where it is the assistant's. Throws TypeError on data without a prompt. */
export function taskItem(
  index: number,
  example: SupervisedExample | Extract<Example, { kind: 'prompt' }>,
  tokenizer: Tokenizer,
): TaskItem {
  if (example.kind === 'prompt')
    return { index, question: example.prompt, ids: tokenizer.encode(example.prompt), reference: undefined };
  if (example.kind === 'pair')
    return { index, question: example.prompt, ids: tokenizer.encode(example.prompt), reference: example.completion };
  if (example.kind !== 'chatPair' && example.kind !== 'chat')
    throw new TypeError('Expected a prompt and a completion, or messages, to grade answers by');
  const { tools, variables } = example;
  const messages = messagesOf(example);
  const answered = messages.at(-1)?.role === 'assistant' ? messages.length - 1 : messages.length;
  const prompt = example.kind === 'chat' ? messages.slice(0, answered) : example.prompt;
  const { ids } = tokenizer.applyChatTemplate(prompt, {
    addGenerationPrompt: true,
    ...(tools === undefined ? {} : { tools }),
    ...(variables === undefined ? {} : { variables }),
  });
  const last = prompt.length < messages.length ? contentOf(messages.at(-1)) : undefined;
  return { index, question: contentOf(prompt.at(-1)), ids, reference: last };
}
