/** Lists of messages in a row, with what goes to the chat template beside them. */
import { type Json, parseJson } from '../hub/python-text.ts';
import type { Message } from '../hub/tokenizer.ts';
import type { Row } from './reader.ts';

/** What goes to the chat template besides messages. */
export type ChatContext = { tools?: Json; variables?: { [name: string]: Json } };

/** Whether each message is learned, where the data says so of any; null where it does not say. */
export type Weights = (0 | 1 | null)[];

/** Messages as the template gets them. */
export type Conversation = { messages: Message[]; weights?: Weights };

/** ShareGPT's names of who speaks; others are left as they are. */
const shareGptRoles: Readonly<Record<string, string>> = { human: 'user', gpt: 'assistant' };

export function shown(value: Json | undefined): string {
  if (value === undefined) return 'nothing';
  const found = JSON.stringify(value);
  return found.length > 60 ? `${found.slice(0, 57)}...` : found;
}

export function stringAt({ fields, place }: Row, column: string): string {
  const value = fields[column];
  if (typeof value !== 'string')
    throw new TypeError(`${place}: ${column}: expected a string but found ${shown(value)}`);
  return value;
}

/** OpenAI's `weight` and the `loss_mask` of others: whether a message is learned. */
function weightOf(message: { [field: string]: Json }, where: string): 0 | 1 | undefined {
  const given = ['weight', 'loss_mask'].filter((field) => message[field] !== undefined && message[field] !== null);
  const [field] = given;
  if (field === undefined) return undefined;
  if (given.length > 1) throw new TypeError(`${where}: expected weight or loss_mask but found both`);
  const value = message[field];
  if (value === 0 || value === false) return 0;
  if (value === 1 || value === true) return 1;
  throw new TypeError(`${where}.${field}: expected 0 or 1 but found ${shown(value)}`);
}

function checkContent(content: Json | undefined, where: string): void {
  if (typeof content === 'number' || typeof content === 'boolean')
    throw new TypeError(`${where}.content: expected text but found ${shown(content)}`);
  if (!Array.isArray(content)) return;
  for (const [i, part] of content.entries()) {
    const isText = part !== null && typeof part === 'object' && !Array.isArray(part) && part['type'] === 'text';
    if (!isText) throw new TypeError(`${where}.content[${i}]: expected a part of type text but found ${shown(part)}`);
  }
}

/** Messages with a role; ShareGPT's from and value become role and content, human and gpt user and assistant. TypeError that names the field. */
export function conversationAt({ fields, place }: Row, column: string): Conversation {
  const value = fields[column];
  if (!Array.isArray(value) || value.length === 0)
    throw new TypeError(`${place}: ${column}: expected a list of messages but found ${shown(value)}`);
  const weights: (0 | 1 | undefined)[] = [];
  const messages = value.map((item, i): Message => {
    const where = `${place}: ${column}[${i}]`;
    if (item === null || typeof item !== 'object' || Array.isArray(item))
      throw new TypeError(`${where}: expected a message {role, content} but found ${shown(item)}`);
    const { from, value: said, weight: _weight, loss_mask: _mask, ...rest } = item;
    weights.push(weightOf(item, where));
    const isShareGpt = from !== undefined || said !== undefined;
    const speaker = typeof from === 'string' ? (shareGptRoles[from] ?? from) : (from ?? null);
    const message = isShareGpt
      ? { ...rest, role: speaker, content: said ?? null }
      : weights[i] === undefined
        ? item
        : rest;
    const { role, content } = message;
    if (typeof role !== 'string') throw new TypeError(`${where}.role: expected a string but found ${shown(role)}`);
    checkContent(content, where);
    return message as Message;
  });
  if (weights.every((weight) => weight === undefined)) return { messages };
  return { messages, weights: weights.map((weight) => weight ?? null) };
}

/** Columns that may hold lists of messages; OpenAI's preferences have the prompt's inside `input`. */
const messageColumns: readonly string[] = [
  'messages',
  'conversations',
  'prompt',
  'completion',
  'chosen',
  'rejected',
  'preferred_output',
  'non_preferred_output',
];

/** What a message may have and yet say nothing. */
const wordless: ReadonlySet<string> = new Set(['role', 'from', 'name', 'weight', 'loss_mask']);

/** Refuses messages that say nothing, not even a tool call: templates write None in their place, or fail without saying where. TypeError that names the field. */
export function refuseSilentMessages({ fields, place }: Row): void {
  const { input } = fields;
  if (input !== null && typeof input === 'object' && !Array.isArray(input))
    refuseSilentMessages({ fields: input, place: `${place}: input`, index: 0 });
  for (const column of messageColumns) {
    const messages = fields[column];
    if (!Array.isArray(messages)) continue;
    for (const [i, message] of messages.entries()) {
      if (message === null || typeof message !== 'object' || Array.isArray(message)) continue;
      if (Object.entries(message).some(([field, value]) => value !== null && !wordless.has(field))) continue;
      const field = column === 'conversations' ? 'value' : 'content';
      throw new TypeError(`${place}: ${column}[${i}].${field}: expected text but found ${shown(message[field])}`);
    }
  }
}

/** Messages of a column that only holds what was said: weights have no meaning there. */
export function messagesAt(row: Row, column: string): Message[] {
  return conversationAt(row, column).messages;
}

/** Tools, chat_template_kwargs and parallel_tool_calls of a row. */
export function contextOf({ fields, place }: Row): ChatContext {
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
  const parallel = fields['parallel_tool_calls'];
  if (parallel !== undefined && parallel !== null) {
    if (typeof parallel !== 'boolean')
      throw new TypeError(`${place}: parallel_tool_calls: expected true or false but found ${shown(parallel)}`);
    context.variables = { parallel_tool_calls: parallel, ...context.variables };
  }
  return context;
}
