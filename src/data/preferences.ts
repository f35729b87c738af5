/** Rows that compare or judge completions: TRL's preference, unpaired and stepwise formats and OpenAI's preferences. */
import type { Message } from '../hub/tokenizer.ts';
import { type ChatContext, contextOf, messagesAt, shown, stringAt } from './messages.ts';
import type { Row, RowFields } from './reader.ts';

type Said = string | Message[];

export type PreferenceExample =
  | ({ kind: 'preference'; prompt: Said; chosen: Said; rejected: Said } & ChatContext)
  | ({ kind: 'unpaired'; prompt: Said; completion: Said; label: boolean } & ChatContext)
  | { kind: 'stepwise'; prompt: string; completions: string[]; labels: boolean[] };

export type PreferenceFormat<E extends PreferenceExample = PreferenceExample> = {
  name: string;
  columns: string;
  /** Objectives that train on it. */
  trains: string;
  /** Its columns hold those of supervised data too, with a verdict beside them. */
  judges: boolean;
  fits: (fields: RowFields) => boolean;
  read: (row: Row) => E;
};

type Kind<K extends PreferenceExample['kind']> = Extract<PreferenceExample, { kind: K }>;

const has = (fields: RowFields, ...columns: string[]): boolean =>
  columns.every((column) => Object.hasOwn(fields, column) && fields[column] !== null);

const saidAt = (row: Row, column: string): Said =>
  Array.isArray(row.fields[column]) ? messagesAt(row, column) : stringAt(row, column);

/** TRL's implicit prompt: what both completions begin with; of texts it ends before a space, as tokens begin with one. */
function commonPrompt(chosen: Said, rejected: Said, place: string): { prompt: Said; chosen: Said; rejected: Said } {
  const same = (i: number): boolean => JSON.stringify(chosen[i]) === JSON.stringify(rejected[i]);
  const shortest = Math.min(chosen.length, rejected.length);
  let end = 0;
  while (end < shortest && same(end)) end++;
  // As in TRL, the last place that both have stays with the completions where neither differs before it.
  if (end === shortest) end = shortest - 1;
  if (end > 0 && chosen[end - 1] === ' ') end--;
  if (end <= 0)
    throw new RangeError(`${place}: expected chosen and rejected to begin with a common prompt but found none`);
  return { prompt: chosen.slice(0, end), chosen: chosen.slice(end), rejected: rejected.slice(end) };
}

const preference: PreferenceFormat<Kind<'preference'>> = {
  name: 'preference data',
  columns: '{prompt?, chosen, rejected}',
  trains: 'objectives such as dpo',
  judges: true,
  fits: (fields) => has(fields, 'chosen', 'rejected'),
  read(row) {
    const [chosen, rejected] = [saidAt(row, 'chosen'), saidAt(row, 'rejected')];
    if (typeof chosen !== typeof rejected)
      throw new TypeError(
        `${row.place}: rejected: expected ${typeof chosen === 'string' ? 'a string' : 'a list of messages'} as chosen but found ${shown(row.fields['rejected'])}`,
      );
    const explicit = has(row.fields, 'prompt');
    const parts = explicit
      ? { prompt: saidAt(row, 'prompt'), chosen, rejected }
      : commonPrompt(chosen, rejected, row.place);
    return { kind: 'preference', ...parts, ...contextOf(row) };
  },
};

/** OpenAI's names of the same. */
const openAiPreference: PreferenceFormat<Kind<'preference'>> = {
  name: "OpenAI's preference data",
  columns: '{input, preferred_output, non_preferred_output}',
  trains: 'objectives such as dpo',
  judges: true,
  fits: (fields) => has(fields, 'input', 'preferred_output', 'non_preferred_output'),
  read(row) {
    const { input } = row.fields;
    if (input === null || typeof input !== 'object' || Array.isArray(input))
      throw new TypeError(`${row.place}: input: expected an object with messages but found ${shown(input)}`);
    const inner: Row = { ...row, place: `${row.place}: input`, fields: input };
    return {
      kind: 'preference',
      prompt: messagesAt(inner, 'messages'),
      chosen: messagesAt(row, 'preferred_output'),
      rejected: messagesAt(row, 'non_preferred_output'),
      ...contextOf(inner),
    };
  },
};

const unpaired: PreferenceFormat<Kind<'unpaired'>> = {
  name: 'unpaired preference data',
  columns: '{prompt, completion, label}',
  trains: 'objectives such as kto',
  judges: true,
  fits: (fields) => has(fields, 'prompt', 'completion') && typeof fields['label'] === 'boolean',
  read: (row) => ({
    kind: 'unpaired',
    prompt: saidAt(row, 'prompt'),
    completion: saidAt(row, 'completion'),
    label: row.fields['label'] === true,
    ...contextOf(row),
  }),
};

const stepwise: PreferenceFormat<Kind<'stepwise'>> = {
  name: 'stepwise supervision',
  columns: '{prompt, completions, labels}',
  trains: 'process reward models',
  judges: true,
  fits: (fields) => has(fields, 'prompt', 'completions', 'labels'),
  read(row) {
    const { place, fields } = row;
    const { completions, labels } = fields;
    if (!Array.isArray(completions) || !completions.every((step) => typeof step === 'string'))
      throw new TypeError(`${place}: completions: expected a list of strings but found ${shown(completions)}`);
    if (!Array.isArray(labels) || !labels.every((label) => typeof label === 'boolean'))
      throw new TypeError(`${place}: labels: expected a list of true and false but found ${shown(labels)}`);
    if (labels.length !== completions.length)
      throw new RangeError(
        `${place}: labels: expected ${completions.length} as there are completions but found ${labels.length}`,
      );
    return { kind: 'stepwise', prompt: stringAt(row, 'prompt'), completions, labels };
  },
};

/** A prompt without an answer, which is what objectives that sample need; OpenAI's reinforcement rows are chats that end with the user. */
const promptOnly = {
  name: 'prompts without answers',
  columns: '{prompt}',
  trains: 'objectives that sample answers, such as grpo,',
  judges: false,
  fits: (fields: RowFields) => has(fields, 'prompt') && !has(fields, 'completion') && !has(fields, 'messages'),
} as const;

/** Two answers to one prompt. */
export const pairFormats = [openAiPreference, preference] as const;
/** Formats that compare or judge, told by their columns. */
export const judgedFormats = [openAiPreference, preference, stepwise, unpaired] as const;
/** What is no supervised data, for refusals. */
export const preferenceFormats: readonly Pick<PreferenceFormat, 'name' | 'columns' | 'trains' | 'judges' | 'fits'>[] = [
  ...judgedFormats,
  promptOnly,
];
