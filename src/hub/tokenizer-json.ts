/** What stands in tokenizer.json and tokenizer_config.json, checked before it is used. */
import { describe, recordOf } from './json.ts';
import { checkPatterns } from './pattern-limits.ts';
import { checkParts } from './tokenizer-parts.ts';
import { equalPostProcessor, equalPreTokenizer } from './tokenizer-parity.ts';

type Fields = { [key: string]: unknown };

const namedTokens = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const;

export type AddedToken = {
  id: number;
  content: string;
  special?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
  [field: string]: unknown;
};

const modelTypes = ['BPE', 'WordPiece', 'Unigram'];

/** tokenizer.json with all its parts, in the form that the library reads rightly. */
export function checkedJson(value: unknown): Fields {
  const json = recordOf(value, 'tokenizer.json');
  const model = recordOf(json['model'], 'tokenizer.json at model');
  if (model['vocab'] === null || typeof model['vocab'] !== 'object')
    throw new TypeError('Expected a vocabulary in tokenizer.json at model.vocab');
  const { type } = model;
  if (type !== undefined && !modelTypes.some((known) => known === type)) {
    throw new RangeError(
      `Expected ${modelTypes.join(', ')} in tokenizer.json at model.type but found ${describe(type)}`,
    );
  }
  checkParts(json, model);
  for (const part of ['normalizer', 'pre_tokenizer', 'decoder']) checkPatterns(json[part], `tokenizer.json at ${part}`);
  return {
    decoder: null,
    normalizer: null,
    ...json,
    pre_tokenizer: equalPreTokenizer(json['pre_tokenizer'] ?? null),
    post_processor: equalPostProcessor(json['post_processor']),
  };
}

const maxId = 1 << 24;

/** Token text to id; Unigram vocabularies are lists of [text, score]. */
export function vocabularyOf(json: Fields): Map<string, number> {
  const vocab = recordOf(json['model'], 'model')['vocab'] as object;
  const entries = Array.isArray(vocab)
    ? vocab.map((item: unknown, id): [string, unknown] => [Array.isArray(item) ? String(item[0]) : String(item), id])
    : Object.entries(vocab);
  for (const [text, id] of entries) {
    if (!isId(id))
      throw new RangeError(
        `Expected a token id below ${maxId} in tokenizer.json for ${JSON.stringify(text)} but found ${describe(id)}`,
      );
  }
  return new Map(entries as [string, number][]);
}

function isId(id: unknown): id is number {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) < maxId;
}

/** The file's added tokens; named special tokens that the file has only in its vocabulary become special, as transformers makes them. */
export function addedTokens(
  json: Fields,
  names: { [name: string]: string },
  vocabulary: Map<string, number>,
): AddedToken[] {
  const listed = json['added_tokens'] ?? [];
  if (!Array.isArray(listed)) throw new TypeError('Expected a list in tokenizer.json at added_tokens');
  const special = new Set(Object.values(names));
  const tokens = listed.map((item: unknown, i): AddedToken => {
    const token = recordOf(item, `tokenizer.json at added_tokens[${i}]`);
    const { id, content } = token;
    if (!isId(id) || typeof content !== 'string' || content === '') {
      throw new TypeError(`Expected {id, content} in tokenizer.json at added_tokens[${i}]`);
    }
    if (token['single_word'] === true)
      throw new RangeError(`Token ${JSON.stringify(content)} asks for single_word, which is not supported`);
    return { ...token, id, content, special: token['special'] === true || special.has(content) };
  });
  const known = new Set(tokens.map((token) => token.content));
  for (const content of special) {
    const id = vocabulary.get(content);
    if (!known.has(content) && id !== undefined) {
      tokens.push({ id, content, special: true, lstrip: false, rstrip: false, normalized: false, single_word: false });
    }
  }
  return tokens;
}

/** Named special tokens of tokenizer_config.json, as strings: the template's `bos_token` and so on. */
export function specialNames(settings: Fields): { [name: string]: string } {
  const names: { [name: string]: string } = {};
  for (const name of namedTokens) {
    const text = tokenContent(settings[name]);
    if (text !== undefined) names[name] = text;
  }
  const extra = settings['extra_special_tokens'];
  if (extra !== null && typeof extra === 'object' && !Array.isArray(extra)) {
    for (const [name, token] of Object.entries(extra)) {
      const text = tokenContent(token);
      if (text !== undefined) names[name] = text;
    }
  }
  return names;
}

function tokenContent(token: unknown): string | undefined {
  if (typeof token === 'string') return token;
  if (token === null || typeof token !== 'object') return undefined;
  const { content } = token as Fields;
  return typeof content === 'string' ? content : undefined;
}

/** Chat templates by name: those of files of their own, else those inside tokenizer_config.json (one text, or a list of {name, template}). */
export function chatTemplates(
  file: string | undefined,
  named: Readonly<Record<string, string>> = {},
  setting?: unknown,
): Map<string, string> {
  const templates = new Map(Object.entries(named));
  if (file !== undefined) templates.set('default', file);
  if (templates.size > 0) return templates;
  if (typeof setting === 'string') templates.set('default', setting);
  for (const item of Array.isArray(setting) ? (setting as unknown[]) : []) {
    const { name, template } = recordOf(item, 'tokenizer_config.json at chat_template');
    if (typeof name === 'string' && typeof template === 'string') templates.set(name, template);
  }
  return templates;
}

export function alphabetOf(json: Fields): 'bytes' | 'sentencepiece' {
  return JSON.stringify([json['pre_tokenizer'], json['decoder']]).includes('"ByteLevel"') ? 'bytes' : 'sentencepiece';
}
