/** TRL's data formats, ShareGPT's and OpenAI's, recognised by their columns. */
import type { Json } from '../hub/python-text.ts';
import type { Message } from '../hub/tokenizer.ts';
import {
  type ChatContext,
  contextOf,
  type Conversation,
  conversationAt,
  messagesAt,
  shown,
  stringAt,
  type Weights,
} from './messages.ts';
import { preferenceFormats } from './preferences.ts';
import type { Row, RowFields } from './reader.ts';
import { tokens, type TokensExample } from './tokens.ts';

export type Example =
  | { kind: 'text'; text: string }
  | { kind: 'prompt'; prompt: string }
  | { kind: 'labelled'; text: string; pair?: string; label?: Json }
  | { kind: 'pictured'; label?: Json }
  | { kind: 'pair'; prompt: string; completion: string }
  | ({ kind: 'chat'; addGenerationPrompt?: boolean } & Conversation & ChatContext)
  | ({ kind: 'chatPair'; prompt: Message[]; completion: Message[]; weights?: Weights } & ChatContext)
  | TokensExample;

/** One format: the columns that tell it, and how a row of it is read. */
export type Format<E = unknown> = {
  columns: string;
  fits: (fields: RowFields) => boolean;
  read: (row: Row) => E;
};

type Kind<K extends Example['kind']> = Extract<Example, { kind: K }>;

export const has = (fields: RowFields, column: string): boolean =>
  Object.hasOwn(fields, column) && fields[column] !== null;

const text: Format<Kind<'text'>> = {
  columns: '{text}',
  fits: (fields) => has(fields, 'text'),
  read: (row) => ({ kind: 'text', text: stringAt(row, 'text') }),
};

const pair: Format<Kind<'pair' | 'chatPair'>> = {
  columns: '{prompt, completion}',
  fits: (fields) => has(fields, 'prompt') && has(fields, 'completion'),
  read(row) {
    if (!Array.isArray(row.fields['prompt'])) {
      return { kind: 'pair', prompt: stringAt(row, 'prompt'), completion: stringAt(row, 'completion') };
    }
    const { messages, weights } = conversationAt(row, 'completion');
    return {
      kind: 'chatPair',
      prompt: messagesAt(row, 'prompt'),
      completion: messages,
      ...(weights === undefined ? {} : { weights }),
      ...contextOf(row),
    };
  },
};

const messages: Format<Kind<'chat'>> = {
  columns: '{messages, tools?}',
  fits: (fields) => has(fields, 'messages'),
  read: (row) => ({ kind: 'chat', ...conversationAt(row, 'messages'), ...contextOf(row) }),
};

const conversations: Format<Kind<'chat'>> = {
  columns: '{conversations, system?}',
  fits: (fields) => has(fields, 'conversations'),
  read(row) {
    const said = conversationAt(row, 'conversations');
    const { system } = row.fields;
    if (system === undefined || system === null || system === '' || said.messages[0]?.role === 'system')
      return { kind: 'chat', ...said, ...contextOf(row) };
    const first: Message = { role: 'system', content: stringAt(row, 'system') };
    const weights = said.weights === undefined ? {} : { weights: [null, ...said.weights] };
    return { kind: 'chat', messages: [first, ...said.messages], ...weights, ...contextOf(row) };
  },
};

const prompt: Format<Kind<'prompt' | 'chat'>> = {
  columns: '{prompt}',
  fits: (fields) => has(fields, 'prompt'),
  read(row) {
    if (!Array.isArray(row.fields['prompt'])) return { kind: 'prompt', prompt: stringAt(row, 'prompt') };
    return { kind: 'chat', messages: messagesAt(row, 'prompt'), addGenerationPrompt: true, ...contextOf(row) };
  },
};

const messagesToTokenize: Format<Kind<'chat'>> = {
  columns: '{messages, tools?, addGenerationPrompt?}',
  fits: messages.fits,
  read(row) {
    const flag = row.fields['addGenerationPrompt'];
    if (flag !== undefined && flag !== null && typeof flag !== 'boolean') {
      throw new TypeError(`${row.place}: addGenerationPrompt: expected true or false but found ${shown(flag)}`);
    }
    return { ...messages.read(row), addGenerationPrompt: flag === true };
  },
};

const messagesToAnswer: Format<Kind<'chat'>> = {
  columns: messages.columns,
  fits: messages.fits,
  read: (row) => ({ ...messages.read(row), addGenerationPrompt: true }),
};

const labelled: Format<Kind<'labelled'>> = {
  columns: '{text, text_pair?, label?}',
  fits: (fields) => has(fields, 'text'),
  read(row) {
    const { label } = row.fields;
    return {
      kind: 'labelled',
      text: stringAt(row, 'text'),
      ...(has(row.fields, 'text_pair') ? { pair: stringAt(row, 'text_pair') } : {}),
      ...(label === undefined || label === null ? {} : { label }),
    };
  },
};

const pictured: Format<Kind<'pictured'>> = {
  columns: '{image, label?}',
  fits: (fields) => has(fields, 'image'),
  read: ({ fields: { label } }) => ({ kind: 'pictured', ...(label === undefined || label === null ? {} : { label }) }),
};

/** Supervised training and scoring; in TRL's order of precedence. */
export const supervisedFormats = [tokens, pair, messages, conversations, text] as const;
/** Training and scoring of classifiers. */
export const labelledFormats = [labelled] as const;
/** Training and scoring of classifiers of images; `imageOf` reads the image. */
export const picturedFormats = [pictured] as const;
export const tokenizeFormats = [messagesToTokenize, text] as const;
export const generateFormats = [messagesToAnswer, prompt] as const;
/** Training on the model's own answers: what the data answers is for graders. */
export const promptFormats = [pair, messages, conversations, prompt] as const;

/** Reads a row in the first format that fits; TypeError with place, field, expected and found. */
export function readExample<F extends Format>(row: Row, formats: readonly F[]): ReturnType<F['read']> {
  const format = formats.find(({ fits }) => fits(row.fields));
  if (format !== undefined) return format.read(row) as ReturnType<F['read']>;
  const found = Object.keys(row.fields).join(', ') || 'none';
  const other = preferenceFormats.find(({ fits }) => fits(row.fields));
  const hint = other === undefined ? '' : `; that is ${other.name}, which ${other.trains} train on`;
  throw new TypeError(
    `${row.place}: expected columns ${formats.map(({ columns }) => columns).join(' or ')} but found ${found}${hint}`,
  );
}

/** Refuses rows for supervised training that say more than what to imitate: which completion is bad. TypeError that says what trains on them. */
export function refuseJudged(row: Row): void {
  const judged = preferenceFormats.find(({ fits, judges }) => judges && fits(row.fields));
  if (judged === undefined) return;
  throw new TypeError(
    `${row.place}: columns ${judged.columns} are ${judged.name}, which ${judged.trains} train on; sft would learn what is marked as bad too`,
  );
}
