/** TRL's data formats, recognised by their columns. */
import { type Json, parseJson } from '../hub/python-text.ts';
import type { Message } from '../hub/tokenizer.ts';
import type { Row, RowFields } from './reader.ts';

/** What goes to the chat template besides messages. */
export type ChatContext = { tools?: Json; variables?: { [name: string]: Json } };

export type Example =
  | { kind: 'text'; text: string }
  | { kind: 'prompt'; prompt: string }
  | { kind: 'labelled'; text: string; pair?: string; label?: Json }
  | { kind: 'pair'; prompt: string; completion: string }
  | ({ kind: 'chat'; messages: Message[]; addGenerationPrompt?: boolean } & ChatContext)
  | ({ kind: 'chatPair'; prompt: Message[]; completion: Message[] } & ChatContext);

/** One format: the columns that tell it, and how a row of it is read. */
export type Format<E extends Example = Example> = {
  columns: string;
  fits: (fields: RowFields) => boolean;
  read: (row: Row) => E;
};

type Kind<K extends Example['kind']> = Extract<Example, { kind: K }>;

const has = (fields: RowFields, column: string): boolean => Object.hasOwn(fields, column) && fields[column] !== null;

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
    return {
      kind: 'chatPair',
      prompt: messagesAt(row, 'prompt'),
      completion: messagesAt(row, 'completion'),
      ...contextOf(row),
    };
  },
};

const messages: Format<Kind<'chat'>> = {
  columns: '{messages, tools?}',
  fits: (fields) => has(fields, 'messages'),
  read: (row) => ({ kind: 'chat', messages: messagesAt(row, 'messages'), ...contextOf(row) }),
};

const conversations: Format<Kind<'chat'>> = {
  columns: '{conversations}',
  fits: (fields) => has(fields, 'conversations'),
  read: (row) => ({ kind: 'chat', messages: messagesAt(row, 'conversations'), ...contextOf(row) }),
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

/** Supervised training and scoring; in TRL's order of precedence. */
export const supervisedFormats = [pair, messages, conversations, text] as const;
/** Training and scoring of classifiers. */
export const labelledFormats = [labelled] as const;
export const tokenizeFormats = [messagesToTokenize, text] as const;
export const generateFormats = [messagesToAnswer, prompt] as const;

/** Reads a row in the first format that fits; TypeError with place, field, expected and found. */
export function readExample<F extends Format>(row: Row, formats: readonly F[]): ReturnType<F['read']> {
  const format = formats.find(({ fits }) => fits(row.fields));
  if (format === undefined) {
    const found = Object.keys(row.fields).join(', ') || 'none';
    throw new TypeError(
      `${row.place}: expected columns ${formats.map(({ columns }) => columns).join(' or ')} but found ${found}`,
    );
  }
  return format.read(row) as ReturnType<F['read']>;
}

function stringAt({ fields, place }: Row, column: string): string {
  const value = fields[column];
  if (typeof value !== 'string')
    throw new TypeError(`${place}: ${column}: expected a string but found ${shown(value)}`);
  return value;
}

/** Messages with a role; ShareGPT's from and value become role and content, as in TRL. */
function messagesAt({ fields, place }: Row, column: string): Message[] {
  const value = fields[column];
  if (!Array.isArray(value) || value.length === 0) {
    throw new TypeError(`${place}: ${column}: expected a list of messages but found ${shown(value)}`);
  }
  return value.map((item, i): Message => {
    const where = `${place}: ${column}[${i}]`;
    if (item === null || typeof item !== 'object' || Array.isArray(item)) {
      throw new TypeError(`${where}: expected a message {role, content} but found ${shown(item)}`);
    }
    const { from, value: said, ...rest } = item;
    const message =
      from === undefined && said === undefined ? item : { ...rest, role: from ?? null, content: said ?? null };
    const { role, content } = message;
    if (typeof role !== 'string') throw new TypeError(`${where}.role: expected a string but found ${shown(role)}`);
    if (typeof content === 'number' || typeof content === 'boolean') {
      throw new TypeError(`${where}.content: expected text but found ${shown(content)}`);
    }
    return message as Message;
  });
}

function contextOf({ fields, place }: Row): ChatContext {
  const context: ChatContext = {};
  let { tools } = fields;
  if (typeof tools === 'string') {
    try {
      tools = parseJson(tools);
    } catch (cause) {
      throw new SyntaxError(`${place}: tools: expected a list or JSON text of one but found ${shown(tools)}`, {
        cause,
      });
    }
  }
  if (tools !== undefined && tools !== null) {
    if (!Array.isArray(tools)) throw new TypeError(`${place}: tools: expected a list but found ${shown(tools)}`);
    context.tools = tools;
  }
  const variables = fields['chat_template_kwargs'];
  if (variables !== undefined && variables !== null) {
    if (typeof variables !== 'object' || Array.isArray(variables)) {
      throw new TypeError(`${place}: chat_template_kwargs: expected an object but found ${shown(variables)}`);
    }
    context.variables = variables;
  }
  return context;
}

function shown(value: Json | undefined): string {
  if (value === undefined) return 'nothing';
  const found = JSON.stringify(value);
  return found.length > 60 ? `${found.slice(0, 57)}...` : found;
}
