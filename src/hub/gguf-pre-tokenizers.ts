import type { GgufFields } from './gguf-metadata.ts';
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

export interface PreTokenizer {
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

/** The pre-tokenizer that a file names. TypeError naming one that is not read. */
export function preTokenizerOf(fields: GgufFields): PreTokenizer {
  const name = fields.string('tokenizer.ggml.pre') ?? 'default';
  const preTokenizer = Object.hasOwn(preTokenizers, name) ? preTokenizers[name] : undefined;
  if (preTokenizer !== undefined) return preTokenizer;
  throw new TypeError(
    `${fields.file}: tokenizer.ggml.pre: expected ${Object.keys(preTokenizers).join(', ')} but found ${JSON.stringify(name)}`,
  );
}
