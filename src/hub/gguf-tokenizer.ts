import type { Gguf } from './gguf.ts';
import { ggufFields } from './gguf-metadata.ts';
import type { GgufFields } from './gguf-metadata.ts';
import type { CheckpointTokenizer } from './checkpoint-tokenizer.ts';
import { isRecord } from './json.ts';

const byteLevel = (useRegex: boolean): unknown => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});

const splits = (...patterns: string[]): unknown => ({
  type: 'Sequence',
  pretokenizers: [
    ...patterns.map((pattern) => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false })),
    byteLevel(false),
  ],
});

interface PreTokenizer {
  readonly json: unknown;
  /** Of tokenizer.json, where the models that use this one have one. */
  readonly normalizer?: unknown;
  readonly ignoreMerges: boolean;
  /** Whether the beginning-of-text token is put first where the file does not say. */
  readonly addBos: boolean;
}

/** What llama.cpp does for each name of tokenizer.ggml.pre that is read. */
const preTokenizers: Readonly<Record<string, PreTokenizer>> = {
  'gpt-2': { json: byteLevel(true), ignoreMerges: false, addBos: false },
  smollm: {
    json: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel(true)] },
    ignoreMerges: false,
    addBos: false,
  },
  'llama-bpe': {
    json: splits(
      String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    ),
    ignoreMerges: true,
    addBos: true,
  },
  qwen2: {
    json: splits(
      String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    ),
    normalizer: { type: 'NFC' },
    ignoreMerges: false,
    addBos: false,
  },
  default: {
    json: splits(
      String.raw`[\p{P}\$\+<=>\^~\|]+`,
      String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`,
      String.raw`\p{N}+`,
      '[0-9][0-9][0-9]',
    ),
    ignoreMerges: false,
    addBos: false,
  },
};

/** Token types of tokenizer.ggml.token_type. */
export const ggufTokenTypes = { normal: 1, control: 3, user: 4, unused: 5 } as const;
const { control: controlToken, user: userToken } = ggufTokenTypes;

/** The name that tokenizer.ggml.pre has for a pre-tokenizer of tokenizer.json; undefined where there is none. */
export function ggufPreTokenizerName(preTokenizer: unknown, ignoreMerges: boolean): string | undefined {
  const wanted = splitting(preTokenizer);
  const found = Object.entries(preTokenizers).find(
    ([, known]) => known.ignoreMerges === ignoreMerges && splitting(known.json) === wanted,
  );
  return found?.[0];
}

/** How a pre-tokenizer splits, without what does not matter to that: one element sequences, offsets, defaults. */
function splitting(json: unknown): string {
  const parts = isRecord(json) && json['type'] === 'Sequence' ? (json['pretokenizers'] as unknown[]) : [json];
  return JSON.stringify(
    parts.map((part) => {
      if (!isRecord(part)) return part;
      const { trim_offsets: _, ...rest } = part;
      return Object.entries(
        rest['type'] === 'ByteLevel' ? { add_prefix_space: false, use_regex: true, ...rest } : rest,
      ).toSorted(([a], [b]) => (a < b ? -1 : 1));
    }),
  );
}

function preTokenizerOf(fields: GgufFields): PreTokenizer {
  const model = fields.string('tokenizer.ggml.model');
  if (model !== 'gpt2') {
    throw new TypeError(
      `${fields.file}: tokenizer.ggml.model: expected gpt2 (byte-level BPE) but found ${JSON.stringify(model ?? null)}`,
    );
  }
  const name = fields.string('tokenizer.ggml.pre') ?? 'default';
  const preTokenizer = Object.hasOwn(preTokenizers, name) ? preTokenizers[name] : undefined;
  if (preTokenizer !== undefined) return preTokenizer;
  throw new TypeError(
    `${fields.file}: tokenizer.ggml.pre: expected ${Object.keys(preTokenizers).join(', ')} but found ${JSON.stringify(name)}`,
  );
}

function tokenTypes(gguf: Gguf, tokens: readonly string[]): Int32Array {
  const types = gguf.metadata.get('tokenizer.ggml.token_type');
  if (types === undefined) return new Int32Array(tokens.length).fill(1);
  if (types instanceof Int32Array && types.length === tokens.length) return types;
  throw new TypeError(`${gguf.file.name}: tokenizer.ggml.token_type: expected ${tokens.length} 32-bit integers`);
}

function mergesOf(fields: GgufFields): [string, string][] {
  const merges = fields.strings('tokenizer.ggml.merges');
  if (merges === undefined)
    throw new SyntaxError(`${fields.file}: expected tokenizer.ggml.merges but found no such key`);
  return merges.map((merge, index) => {
    const [left, right, ...rest] = merge.split(' ');
    if (left !== undefined && right !== undefined && rest.length === 0) return [left, right];
    throw new SyntaxError(
      `${fields.file}: tokenizer.ggml.merges: expected two parts in merge ${index} but found ${JSON.stringify(merge)}`,
    );
  });
}

interface Special {
  readonly id: number;
  readonly content: string;
}

function specialOf(fields: GgufFields, tokens: readonly string[], name: string): Special | undefined {
  const key = `tokenizer.ggml.${name}_token_id`;
  const id = fields.integer(key);
  if (id === undefined) return undefined;
  const content = tokens[id];
  if (content !== undefined) return { id, content };
  throw new RangeError(`${fields.file}: ${key}: expected an id below ${tokens.length} but found ${id}`);
}

/** Puts the beginning- and end-of-text tokens around a text; null where neither is added. */
function postProcessor(bos: Special | undefined, eos: Special | undefined): unknown {
  const present = [bos, eos].filter((each) => each !== undefined);
  if (present.length === 0) return null;
  const around = (type: number, sequence: 'A' | 'B'): unknown[] => [
    ...(bos === undefined ? [] : [{ SpecialToken: { id: bos.content, type_id: type } }]),
    { Sequence: { id: sequence, type_id: type } },
    ...(eos === undefined ? [] : [{ SpecialToken: { id: eos.content, type_id: type } }]),
  ];
  return {
    type: 'TemplateProcessing',
    single: around(0, 'A'),
    pair: [...around(0, 'A'), ...around(1, 'B')],
    special_tokens: Object.fromEntries(
      present.map(({ id, content }) => [content, { id: content, ids: [id], tokens: [content] }]),
    ),
  };
}

function templatesOf(gguf: Gguf, fields: GgufFields): Pick<CheckpointTokenizer, 'chatTemplate' | 'namedTemplates'> {
  const prefix = 'tokenizer.chat_template.';
  const named: [string, string][] = [];
  for (const key of gguf.metadata.keys()) {
    if (key.startsWith(prefix)) named.push([key.slice(prefix.length), fields.string(key) ?? '']);
  }
  const chatTemplate = fields.string('tokenizer.chat_template');
  return { ...(chatTemplate === undefined ? {} : { chatTemplate }), namedTemplates: Object.fromEntries(named) };
}

/** tokenizer.json, tokenizer_config.json and chat templates from a GGUF's metadata; undefined where it holds no tokenizer. TypeError that names a tokenizer which is not read. */
export function ggufTokenizer(gguf: Gguf): CheckpointTokenizer | undefined {
  const fields = ggufFields(gguf);
  if (!fields.has('tokenizer.ggml.model')) return undefined;
  const { json: preTokenizer, normalizer = null, ignoreMerges, addBos } = preTokenizerOf(fields);
  const tokens = fields.strings('tokenizer.ggml.tokens');
  if (tokens === undefined)
    throw new SyntaxError(`${fields.file}: expected tokenizer.ggml.tokens but found no such key`);
  const types = tokenTypes(gguf, tokens);
  const vocab = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    if (vocab.has(token)) {
      throw new SyntaxError(`${fields.file}: tokenizer.ggml.tokens: expected each once but found ${token} twice`);
    }
    vocab.set(token, id);
  }
  const added = [...vocab]
    .filter(([, id]) => types[id] === controlToken || types[id] === userToken)
    .map(([content, id]) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: types[id] === controlToken,
    }));
  const bos = specialOf(fields, tokens, 'bos');
  const eos = specialOf(fields, tokens, 'eos');
  const addsBos = fields.boolean('tokenizer.ggml.add_bos_token') ?? addBos;
  const addsEos = fields.boolean('tokenizer.ggml.add_eos_token') ?? false;
  const tokenizerJson = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer,
    pre_tokenizer: preTokenizer,
    post_processor: postProcessor(addsBos ? bos : undefined, addsEos ? eos : undefined),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: ignoreMerges,
      vocab: Object.fromEntries(vocab),
      merges: mergesOf(fields),
    },
  };
  const tokenizerConfig: Record<string, unknown> = {
    add_prefix_space: false,
    clean_up_tokenization_spaces: false,
    model_max_length: fields.integer(`${fields.string('general.architecture') ?? ''}.context_length`) ?? null,
    tokenizer_class: 'PreTrainedTokenizerFast',
  };
  const names = [
    ['bos_token', bos],
    ['eos_token', eos],
    ['pad_token', specialOf(fields, tokens, 'padding')],
    ['unk_token', specialOf(fields, tokens, 'unknown')],
  ] as const;
  for (const [key, special] of names) if (special !== undefined) tokenizerConfig[key] = special.content;
  return { tokenizerJson, tokenizerConfig, ...templatesOf(gguf, fields) };
}
