import type { Json } from '../hub/python-text.ts';
import type { Message } from '../hub/tokenizer.ts';
import type { TextKeys } from './examples.ts';
import { hash64, hashText } from './hash.ts';
import type { SupervisedExample } from './supervise.ts';

/** A text as it is compared: Unicode compatibility forms as one, no case, white space as single spaces. */
export const normalized = (text: string): string => text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();

function contentOf(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  return content === null || content === undefined ? '' : JSON.stringify(content);
}

/** What was said, without who says it: a chat and a pair of the same texts are the same. Tool calls count. */
const saidIn = (messages: readonly Message[]): string =>
  messages.map(({ content, tool_calls: calls }) => `${contentOf(content)} ${contentOf(calls)}`).join('\n');

function textsOf(example: Exclude<SupervisedExample, { kind: 'tokens' }>): { prompt?: string; text: string } {
  if (example.kind === 'text') return { text: example.text };
  if (example.kind === 'pair') return { prompt: example.prompt, text: `${example.prompt}\n${example.completion}` };
  if (example.kind === 'chatPair')
    return { prompt: saidIn(example.prompt), text: saidIn([...example.prompt, ...example.completion]) };
  const { messages } = example;
  const answer = messages.findLastIndex(({ role }) => role === 'assistant');
  return { ...(answer > 0 ? { prompt: saidIn(messages.slice(0, answer)) } : {}), text: saidIn(messages) };
}

/** Hashes by which examples are found again in other data: of all that is said, and of what comes before the answer. */
export function textKeys(example: SupervisedExample): TextKeys {
  if (example.kind === 'tokens') return { text: hash64(example.ids.length, (t) => example.ids[t] ?? 0) };
  const { prompt, text } = textsOf(example);
  return {
    text: hashText(normalized(text)),
    ...(prompt === undefined ? {} : { prompt: hashText(normalized(prompt)) }),
  };
}
