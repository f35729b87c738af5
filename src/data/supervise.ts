/** An example to token ids and the tokens that are learned, as TRL's SFTTrainer makes them (trl/trainer/sft_trainer.py, _prepare_dataset). */
import type { ChatOptions, Message, Tokenizer } from '../hub/tokenizer.ts';
import type { Example } from './formats.ts';
import type { ChatContext } from './messages.ts';
import type { TokensExample } from './tokens.ts';

/** Which tokens are learned; TRL's default is the completion where there is one, else all. */
export type Loss = 'completion' | 'all' | 'assistant';

export type SuperviseOptions = { loss?: Loss; maxLength?: number; truncation?: 'keep_start' | 'keep_end' };

/** `mask[t]` is 1 where token t is learned. */
export type Supervised = {
  ids: number[];
  mask: number[];
  truncated: boolean;
  /** The prompt's own tokens are not how prompt and completion begin, so the boundary may be off by a token. */
  promptMismatch: boolean;
};

export type SupervisedExample = Extract<Example, { kind: 'text' | 'pair' | 'chat' | 'chatPair' | 'tokens' }>;
export type ChatExample = Extract<SupervisedExample, { kind: 'chat' | 'chatPair' }>;

type Masked = Pick<Supervised, 'ids' | 'mask' | 'promptMismatch'>;

/** Tokenises and masks one example; throws Error where the loss cannot be had from this data or template. */
export function superviseExample(
  example: SupervisedExample,
  tokenizer: Tokenizer,
  options: SuperviseOptions = {},
): Supervised {
  const { loss, maxLength, truncation = 'keep_start' } = options;
  const made = masked(example, tokenizer, loss);
  const { ids, mask, promptMismatch } = made;
  if (maxLength === undefined || ids.length <= maxLength) return { ...made, truncated: false };
  const range: [number, number] = truncation === 'keep_start' ? [0, maxLength] : [ids.length - maxLength, ids.length];
  return { ids: ids.slice(...range), mask: mask.slice(...range), truncated: true, promptMismatch };
}

function masked(example: SupervisedExample, tokenizer: Tokenizer, loss: Loss | undefined): Masked {
  if (example.kind === 'tokens') return maskedTokens(example, tokenizer, loss);
  const isPair = example.kind === 'pair' || example.kind === 'chatPair';
  if (loss === 'completion' && !isPair) {
    throw new RangeError('Loss completion expects data with prompt and completion: use all or assistant');
  }
  if (example.kind === 'text' || example.kind === 'pair') {
    if (loss === 'assistant')
      throw new RangeError('Loss assistant expects chat data: messages, or prompt and completion as message lists');
    if (example.kind === 'text') return all(tokenizer.encode(withEos(example.text, tokenizer)));
    const ids = tokenizer.encode(example.prompt + withEos(example.completion, tokenizer));
    return completionOf(ids, tokenizer.encode(example.prompt), loss);
  }
  return maskedChat(example, tokenizer, loss);
}

const all = (ids: number[]): Masked => ({ ids, mask: ids.map(() => 1), promptMismatch: false });

function completionOf(ids: number[], promptIds: readonly number[], loss: Loss | undefined): Masked {
  const mask = ids.map((_id, t) => (loss !== 'all' && t < promptIds.length ? 0 : 1));
  return { ids, mask, promptMismatch: promptIds.some((id, t) => ids[t] !== id) };
}

function maskedTokens(
  { ids, mask, completionMask }: TokensExample,
  tokenizer: Tokenizer,
  loss: Loss | undefined,
): Masked {
  const outside = ids.find((id) => id >= tokenizer.vocabSize);
  if (outside !== undefined)
    throw new RangeError(`input_ids: expected token ids below ${tokenizer.vocabSize} but found ${outside}`);
  if (loss === 'completion' && completionMask === undefined)
    throw new RangeError('Loss completion expects token ids with a completion_mask');
  if (loss === 'assistant' && mask === undefined)
    throw new RangeError('Loss assistant expects token ids with assistant_masks or labels');
  const completion = loss === 'all' ? undefined : completionMask;
  return { ids, mask: ids.map((_id, t) => (mask?.[t] ?? 1) & (completion?.[t] ?? 1)), promptMismatch: false };
}

/** The messages of a chat in one list. */
export const messagesOf = (example: ChatExample): readonly Message[] =>
  example.kind === 'chat' ? example.messages : [...example.prompt, ...example.completion];

/** Renders messages of a chat with the rest of what its row gives the template. */
export const renderer =
  (example: ChatExample, tokenizer: Tokenizer) =>
  (messages: readonly Message[], chat: ChatOptions): { text: string; ids: number[]; assistantMask?: number[] } =>
    tokenizer.applyChatTemplate(messages, { ...contextOptions(example), ...chat });

function maskedChat(example: ChatExample, tokenizer: Tokenizer, loss: Loss | undefined): Masked {
  const render = renderer(example, tokenizer);
  const messages = messagesOf(example);
  const blocks = loss === 'assistant' && tokenizer.hasGenerationBlocks;
  const { ids, assistantMask } = render(messages, { returnAssistantMask: blocks });
  const promptIds = example.kind === 'chat' ? [] : render(example.prompt, { addGenerationPrompt: true }).ids;
  const made = completionOf(ids, promptIds, loss);
  const before = example.kind === 'chat' ? 0 : example.prompt.length;
  if (loss === 'assistant') {
    const roles = messages.map(({ role }) => role === 'assistant');
    const own = blocks ? assistantMask : learnedTokens(render, messages, ids, roles);
    if (own?.includes(1) !== true)
      throw new RangeError(
        `Loss assistant: the chat template marks no token of this example as the assistant’s${blocks ? '' : ' (it has no {% generation %} blocks)'}`,
      );
    made.mask = made.mask.map((bit, t) => bit & (own[t] ?? 0));
  }
  const { weights } = example;
  if (weights !== undefined) {
    // Of all, what weighs 0 is left out; else what weighs 1 is learned, and of what says nothing the assistant's.
    const learned = messages.map(({ role }, i) => {
      const weight = weights[i - before] ?? null;
      return loss === 'all' ? weight !== 0 : (weight ?? (role === 'assistant' ? 1 : 0)) === 1;
    });
    const bits = learnedTokens(render, messages, ids, learned);
    made.mask = made.mask.map((bit, t) => bit & (bits[t] ?? 0));
  }
  return made;
}

/** 1 at the tokens of the messages that are chosen: of the assistant's what follows its generation prompt, of others all. RangeError where the template does not render a longer chat as a shorter one and more. */
function learnedTokens(
  render: ReturnType<typeof renderer>,
  messages: readonly Message[],
  ids: readonly number[],
  chosen: readonly boolean[],
): number[] {
  const mask = ids.map(() => 0);
  const lengthOf = (count: number, addGenerationPrompt: boolean): number => {
    if (count === 0) return 0;
    if (count === messages.length && !addGenerationPrompt) return ids.length;
    const start = render(messages.slice(0, count), { addGenerationPrompt }).ids;
    if (start.every((id, t) => ids[t] === id)) return start.length;
    throw new RangeError(
      `The chat template renders the first ${count} messages alone otherwise than within the chat, so it cannot be told which tokens are a message's: give it {% generation %} blocks, or learn all`,
    );
  };
  for (const [i, { role }] of messages.entries())
    if (chosen[i] === true) mask.fill(1, lengthOf(i, role === 'assistant'), lengthOf(i + 1, false));
  return mask;
}

function contextOptions({ tools, variables }: ChatContext): ChatOptions {
  return { ...(tools === undefined ? {} : { tools }), ...(variables === undefined ? {} : { variables }) };
}

/** Raw text ends in the end-of-sequence token, so that the model learns to stop; chats get theirs from the template. */
function withEos(text: string, tokenizer: Tokenizer): string {
  const eos = tokenizer.eosToken?.text;
  if (eos === undefined)
    throw new RangeError(
      'The tokenizer has no eos_token, so training text would have no end: set it in tokenizer_config.json',
    );
  return text.endsWith(eos) ? text : text + eos;
}
