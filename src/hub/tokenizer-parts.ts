/** The form of tokenizer.json's parts, which the library that runs them takes on trust. */
import { describe, isRecord, recordOf } from './json.ts';

type Check = (value: unknown, where: string) => void;

/** Steps inside of steps, deeper than in any real tokenizer. */
const maxDepth = 16;
/** Most that normalizers and decoders may lengthen a text by replacing and putting before. */
const maxGrowth = 256;
const maxWordChars = 10_000;

const kind =
  (is: (value: unknown) => boolean, expected: string): Check =>
  (value, where) => {
    if (!is(value)) throw new TypeError(`${where}: expected ${expected} but found ${describe(value)}`);
  };

const text = kind((value) => typeof value === 'string', 'a text');
const flag = kind((value) => typeof value === 'boolean', 'true or false');
const count = kind(
  (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31,
  'a count',
);
const wordChars = kind((value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maxWordChars, `a count of at most ${maxWordChars}`); // prettier-ignore

function each(value: unknown, where: string, check: Check): void {
  if (!Array.isArray(value)) throw new TypeError(`${where}: expected a list but found ${describe(value)}`);
  for (let i = 0; i < value.length; i++) check(value[i], `${where}[${i}]`);
}

const pattern: Check = (value, where) => {
  const { Regex: regex, String: literal } = recordOf(value, where);
  text(regex ?? literal, `${where}.${regex === undefined ? 'String' : 'Regex'}`);
};

const pieces: Check = (value, where) =>
  each(value, where, (piece, at) => {
    const { SpecialToken: special, Sequence: sequence } = recordOf(piece, at);
    const { id, type_id: type } = recordOf(
      special ?? sequence,
      `${at}.${special === undefined ? 'Sequence' : 'SpecialToken'}`,
    );
    text(id, `${at}: id`);
    if (special === undefined && id !== 'A' && id !== 'B')
      throw new RangeError(`${at}: expected A or B but found ${describe(id)}`);
    if (type !== undefined) count(type, `${at}: type_id`);
  });

const token: Check = (value, where) => {
  const [name, id] = Array.isArray(value) ? (value as unknown[]) : [];
  text(name, `${where}[0]`);
  count(id, `${where}[1]`);
};

/** Fields of steps; null counts as left out. */
const fields: Readonly<Record<string, Check>> = {
  type: text,
  pattern,
  single: pieces,
  pair: pieces,
  cls: token,
  sep: token,
  length: count,
  start: count,
  stop: count,
  ...Object.fromEntries(
    ['content', 'behavior', 'replacement', 'str_rep', 'prepend_scheme', 'prepend', 'prefix', 'suffix', 'pad_token', 'word_delimiter_token', 'precompiled_charsmap'].map((name) => [name, text]), // prettier-ignore
  ),
  ...Object.fromEntries(
    ['invert', 'individual_digits', 'add_prefix_space', 'trim_offsets', 'use_regex', 'strip_left', 'strip_right', 'lowercase', 'clean_text', 'handle_chinese_chars', 'strip_accents', 'cleanup', 'split'].map((name) => [name, flag]), // prettier-ignore
  ),
};

/** Fields without which a step cannot be run. */
const required: Readonly<Record<string, readonly string[]>> = {
  Replace: ['pattern'],
  Split: ['pattern'],
  Prepend: ['prepend'],
  FixedLength: ['length'],
  TemplateProcessing: ['single', 'pair'],
  BertProcessing: ['cls', 'sep'],
  RobertaProcessing: ['cls', 'sep'],
};

const lists = ['normalizers', 'pretokenizers', 'processors', 'decoders'];

/** Checks a step and those inside of it; what they may lengthen a text by. */
function checkStep(value: unknown, where: string, depth = 0): number {
  if (depth > maxDepth) throw new RangeError(`${where}: expected steps at most ${maxDepth} deep`);
  const step = recordOf(value, where);
  const { type } = step;
  text(type, `${where}.type`);
  for (const [name, check] of Object.entries(fields)) {
    const found = step[name] ?? undefined;
    if (found !== undefined) check(found, `${where}.${name}`);
    else if (Object.hasOwn(required, String(type)) && required[String(type)]?.includes(name))
      throw new SyntaxError(`${where}.${name}: expected it in ${describe(type)} but found none`);
  }
  let growth = 1;
  for (const name of ['content', 'replacement', 'str_rep', 'prepend']) {
    const added = step[name];
    if (typeof added === 'string') growth *= Math.max(1, added.length);
  }
  for (const name of lists) {
    if ((step[name] ?? undefined) !== undefined)
      each(step[name], `${where}.${name}`, (inner, at) => (growth *= checkStep(inner, at, depth + 1)));
  }
  if (growth > maxGrowth)
    throw new RangeError(`${where}: expected steps that lengthen a text at most ${maxGrowth}-fold`);
  return growth;
}

function checkModel(model: Readonly<Record<string, unknown>>, where: string): void {
  const { type, vocab } = model;
  const optional: Readonly<Record<string, Check>> = {
    unk_token: text,
    unk_id: count,
    end_of_word_suffix: text,
    continuing_subword_prefix: text,
    continuing_subword_suffix: text,
    byte_fallback: flag,
    ignore_merges: flag,
    fuse_unk: flag,
    max_input_chars_per_word: wordChars,
  };
  for (const [name, check] of Object.entries(optional)) {
    const found = model[name] ?? undefined;
    if (found !== undefined) check(found, `${where}.${name}`);
  }
  if (Array.isArray(vocab) ? type !== undefined && type !== 'Unigram' : type === 'Unigram' || !isRecord(vocab))
    throw new TypeError(`${where}.vocab: expected the vocabulary of ${describe(type)} but found ${describe(vocab)}`);
  if (Array.isArray(vocab)) {
    each(vocab, `${where}.vocab`, (item, at) => {
      const [piece, score] = Array.isArray(item) ? (item as unknown[]) : [];
      if (typeof piece !== 'string' || typeof score !== 'number' || !Number.isFinite(score))
        throw new TypeError(`${at}: expected [text, score] but found ${describe(item)}`);
    });
    const unknown = Number(model['unk_id'] ?? 0);
    if (vocab.length === 0 || unknown >= vocab.length)
      throw new RangeError(`${where}.unk_id: expected an id below ${vocab.length} but found ${unknown}`);
  }
  if (type === 'BPE' || (type === undefined && model['merges'] !== undefined))
    each(model['merges'], `${where}.merges`, (merge, at) => {
      const isPair = Array.isArray(merge) && merge.length === 2 && merge.every((side) => typeof side === 'string');
      if (typeof merge !== 'string' && !isPair)
        throw new TypeError(`${at}: expected two parts but found ${describe(merge)}`);
    });
}

/** Checks a whole tokenizer.json. TypeError, SyntaxError or RangeError that names the place of what cannot be run. */
export function checkParts(json: Readonly<Record<string, unknown>>, model: Readonly<Record<string, unknown>>): void {
  for (const part of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder'])
    if ((json[part] ?? undefined) !== undefined) checkStep(json[part], `tokenizer.json at ${part}`);
  checkModel(model, 'tokenizer.json at model');
}
