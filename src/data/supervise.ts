/** An example to token ids and the tokens that are learned, as TRL's SFTTrainer makes them (trl/trainer/sft_trainer.py, _prepare_dataset). */
import type { ChatOptions, Message, Tokenizer } from '../hub/tokenizer.ts';
import type { ChatContext, Example } from './formats.ts';

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

export type SupervisedExample = Extract<Example, { kind: 'text' | 'pair' | 'chat' | 'chatPair' }>;

/** Tokenises and masks one example; throws Error where the loss cannot be had from this data or template. */
export function superviseExample(
  example: SupervisedExample,
  tokenizer: Tokenizer,
  options: SuperviseOptions = {},
): Supervised {
  const { loss } = options;
  const isPair = example.kind === 'pair' || example.kind === 'chatPair';
  if (loss === 'completion' && !isPair) {
    throw new RangeError('Loss completion expects data with prompt and completion: use all or assistant');
  }
  const made = tokenise(example, tokenizer, loss === 'assistant');
  const { ids, promptIds, assistantMask } = made;
  let mask = ids.map((_id, t): number => (isPair && loss !== 'all' && t < promptIds.length ? 0 : 1));
  if (loss === 'assistant') {
    if (assistantMask === undefined || !assistantMask.includes(1)) {
      throw new RangeError('Loss assistant: the chat template marks no token of this example as the assistant’s');
    }
    mask = mask.map((bit, t) => bit & (assistantMask[t] ?? 0));
  }
  const promptMismatch = isPair && promptIds.some((id, t) => ids[t] !== id);
  const { maxLength, truncation = 'keep_start' } = options;
  if (maxLength === undefined || ids.length <= maxLength) return { ids, mask, truncated: false, promptMismatch };
  const range: [number, number] = truncation === 'keep_start' ? [0, maxLength] : [ids.length - maxLength, ids.length];
  return { ids: ids.slice(...range), mask: mask.slice(...range), truncated: true, promptMismatch };
}

type Tokenised = { ids: number[]; promptIds: number[]; assistantMask?: number[] };

function tokenise(example: SupervisedExample, tokenizer: Tokenizer, assistant: boolean): Tokenised {
  if (example.kind === 'text' || example.kind === 'pair') {
    if (assistant)
      throw new RangeError('Loss assistant expects chat data: messages, or prompt and completion as message lists');
    if (example.kind === 'text') return { ids: tokenizer.encode(withEos(example.text, tokenizer)), promptIds: [] };
    const completion = withEos(example.completion, tokenizer);
    return { ids: tokenizer.encode(example.prompt + completion), promptIds: tokenizer.encode(example.prompt) };
  }
  if (assistant && !tokenizer.hasGenerationBlocks) {
    throw new RangeError(
      'Loss assistant expects a chat template with {% generation %} blocks. TRL swaps in a training template for some families ' +
        '(Qwen 2.5 and 3, Llama 3, Gemma, Phi-3 and others); here, put such a template into chat_template.jinja',
    );
  }
  const render = (messages: readonly Message[], chat: ChatOptions): { ids: number[]; assistantMask?: number[] } =>
    tokenizer.applyChatTemplate(messages, { ...contextOptions(example), ...chat });
  const messages = example.kind === 'chat' ? example.messages : [...example.prompt, ...example.completion];
  const { ids, assistantMask } = render(messages, { returnAssistantMask: assistant });
  const promptIds = example.kind === 'chat' ? [] : render(example.prompt, { addGenerationPrompt: true }).ids;
  return { ids, promptIds, ...(assistantMask === undefined ? {} : { assistantMask }) };
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
