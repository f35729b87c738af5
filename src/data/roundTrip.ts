import type { Tokenizer } from '../hub/tokenizer.ts';
import { type ChatExample, messagesOf, renderer, type Supervised } from './supervise.ts';

const tail = (text: string): string => JSON.stringify(text.length > 40 ? `…${text.slice(-40)}` : text);
const head = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

/**
 * Why a chat, as the model is asked it, is not how it is trained: the prompt rendered with a generation prompt must be how the whole begins, in
 * text and in tokens, and what is learned must lie in the assistant's turns. Undefined where all is right, and where the assistant says nothing last.
 */
export function templateMismatch(
  example: ChatExample,
  tokenizer: Tokenizer,
  { ids, mask, truncated }: Supervised,
): string | undefined {
  const messages = messagesOf(example);
  const last = example.kind === 'chatPair' ? example.prompt.length : messages.length - 1;
  if (last < 1 || messages[last]?.role !== 'assistant') return undefined;
  const render = renderer(example, tokenizer);
  const prompt = render(messages.slice(0, last), { addGenerationPrompt: true });
  const whole = render(messages, {});
  if (!whole.text.startsWith(prompt.text)) {
    let same = 0;
    while (prompt.text[same] === whole.text[same]) same++;
    return `the prompt with its generation prompt goes on with ${head(prompt.text.slice(same))} after ${tail(prompt.text.slice(0, same))}, the trained chat with ${head(whole.text.slice(same))}`;
  }
  const apart = prompt.ids.findIndex((id, t) => whole.ids[t] !== id);
  if (apart >= 0) {
    const token = (id: number | undefined): string =>
      id === undefined ? 'nothing' : JSON.stringify(tokenizer.tokenText(id));
    return `token ${apart} of the prompt is ${token(prompt.ids[apart])}, of the trained chat ${token(whole.ids[apart])}`;
  }
  // Cut chats may have lost the answer; whether anything is left to learn is counted elsewhere.
  if (truncated) return undefined;
  const first = messages.findIndex(({ role }) => role === 'assistant');
  const lastLearned = example.weights?.[example.kind === 'chatPair' ? 0 : last] !== 0;
  const partial = mask.includes(0);
  if (lastLearned && !mask.includes(1, prompt.ids.length) && mask.includes(1))
    return 'no token of the last answer is learned, though others are';
  if (partial && example.weights === undefined && first >= 1) {
    const start =
      first === last ? prompt.ids.length : render(messages.slice(0, first), { addGenerationPrompt: true }).ids.length;
    const early = mask.indexOf(1);
    if (early >= 0 && early < start)
      return `token ${early}, ${JSON.stringify(tokenizer.tokenText(ids[early] ?? 0))}, is learned before the assistant’s first turn`;
  }
  return undefined;
}
