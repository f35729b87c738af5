import type { Gguf } from './gguf.ts';
import { ggufFields } from './gguf-metadata.ts';
import { ggufTokenTypes } from './gguf-token-types.ts';
import { describe, isRecord } from './json.ts';

/** What SentencePiece writes for a space. */
const space = '▁';
const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

type Json = Readonly<Record<string, unknown>>;

/** Calls `use` with both parts of every division of a text between characters; `single` tells a part of one character. */
function forEachSplit(
  text: string,
  use: (left: string, right: string, single: { readonly left: boolean; readonly right: boolean }) => void,
): void {
  const width = (at: number): number => ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
  const first = width(0);
  for (let at = first; at < text.length; at += width(at))
    use(text.slice(0, at), text.slice(at), { left: at === first, right: at + width(at) === text.length });
}

/** Parts of tokenizer.json that say what llama.cpp does with a vocabulary of the kind "llama". */
export interface SpmParts {
  readonly normalizer: unknown;
  readonly preTokenizer: null;
  readonly decoder: unknown;
  readonly model: Json;
}

/**
 * SentencePiece's BPE as tokenizer.json has it: llama.cpp joins the neighbours whose text is the token of the highest score, so every
 * division of a token into tokens is a merge, in the order of scores. Throws where a token could be joined of what is no token.
 */
export function readSpm(
  gguf: Gguf,
  vocab: ReadonlyMap<string, number>,
  types: Int32Array,
  unknown: string | undefined,
): SpmParts {
  const fields = ggufFields(gguf);
  const scores = gguf.metadata.get('tokenizer.ggml.scores');
  if (!(scores instanceof Float32Array) || scores.length !== types.length)
    throw new TypeError(`${fields.file}: tokenizer.ggml.scores: expected ${types.length} numbers in f32`);
  for (let byte = 0; byte < 256; byte++) {
    if (!vocab.has(byteToken(byte)))
      throw new SyntaxError(`${fields.file}: tokenizer.ggml.tokens: expected ${byteToken(byte)} but found none`);
  }
  const merges: {
    readonly parts: [string, string];
    readonly score: number;
    readonly ids: readonly [number, number];
  }[] = [];
  for (const [token, id] of vocab) {
    if (types[id] !== ggufTokenTypes.normal) continue;
    forEachSplit(token, (left, right, single) => {
      const ids = [vocab.get(left), vocab.get(right)] as const;
      if (ids[0] !== undefined && ids[1] !== undefined)
        merges.push({ parts: [left, right], score: scores[id] ?? 0, ids: [ids[0], ids[1]] });
      else if ((ids[0] !== undefined || single.left) && (ids[1] !== undefined || single.right)) {
        throw new TypeError(
          `${fields.file}: tokenizer.ggml.tokens: expected every character of ${JSON.stringify(token)} to be a token`,
        );
      }
    });
  }
  merges.sort((a, b) => b.score - a.score || a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1]);
  const prefixed = fields.boolean('tokenizer.ggml.add_space_prefix') ?? true;
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: space };
  const decoders = [
    { type: 'Replace', pattern: { String: space }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(prefixed ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ];
  return {
    normalizer: prefixed ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: space }, spaces] } : spaces,
    preTokenizer: null,
    decoder: { type: 'Sequence', decoders },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknown ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab),
      merges: merges.map(({ parts }) => parts),
    },
  };
}

/** Whether a tokenizer.json puts a space before a text. TypeError on a handling of spaces that llama.cpp does not know. */
function prefixOf(json: Json): boolean {
  const refuse = (part: string): TypeError =>
    new TypeError(
      `tokenizer.json: ${part}: a GGUF with byte fallback replaces spaces by ${space}, after one more at the beginning or not, but found ${describe(json[part])}`,
    );
  const listOf = (value: unknown, key: string): Json[] =>
    (isRecord(value) && value['type'] === 'Sequence' && Array.isArray(value[key]) ? (value[key] as unknown[]) : [value])
      .filter((each) => each !== null && each !== undefined)
      .map((each) => (isRecord(each) ? each : {}));
  const isSpace = (pattern: unknown): boolean => isRecord(pattern) && pattern['String'] === ' ';
  let prefixed = false;
  let replaced = false;
  for (const step of listOf(json['normalizer'], 'normalizers')) {
    if (step['type'] === 'Prepend' && step['prepend'] === space && !replaced) prefixed = true;
    else if (step['type'] === 'Replace' && isSpace(step['pattern']) && step['content'] === space) replaced = true;
    else throw refuse('normalizer');
  }
  for (const step of listOf(json['pre_tokenizer'], 'pretokenizers')) {
    // Where no space is left this splits nothing.
    if (step['type'] === 'Split' && isSpace(step['pattern']) && replaced) continue;
    const scheme = step['prepend_scheme'] ?? (step['add_prefix_space'] === false ? 'never' : 'always');
    const whole = step['type'] === 'Metaspace' && step['split'] === false && step['replacement'] === space;
    if (!whole || scheme === 'first' || prefixed) throw refuse('pre_tokenizer');
    [prefixed, replaced] = [scheme === 'always', true];
  }
  if (!replaced) throw refuse('normalizer');
  return prefixed;
}

export interface SpmFields {
  /** By token; tokens that are not joined of others have none. */
  readonly scores: ReadonlyMap<string, number>;
  readonly bytes: ReadonlySet<string>;
  readonly addSpacePrefix: boolean;
}

/**
 * A BPE with byte fallback as llama.cpp can join it, by scores alone; `added` are tokens that are found before. TypeError naming what it
 * does otherwise: the merges must be every division of a token into tokens, those of one token together.
 */
export function writeSpm(
  json: Json,
  merges: readonly (readonly [string, string])[],
  vocabulary: ReadonlyMap<string, number>,
  added: ReadonlySet<string>,
): SpmFields {
  const model = isRecord(json['model']) ? json['model'] : {};
  const odd = ['continuing_subword_prefix', 'end_of_word_suffix', 'dropout', 'ignore_merges'].find(
    (name) => model[name],
  );
  if (odd !== undefined)
    throw new TypeError(`tokenizer.json: model.${odd}: a GGUF with byte fallback has no place for it`);
  const bytes = new Set(Array.from({ length: 256 }, (_, byte) => byteToken(byte)));
  const missing = [...bytes].find((token) => !vocabulary.has(token));
  if (missing !== undefined)
    throw new TypeError(`tokenizer.json: a GGUF with byte fallback needs the token ${missing}`);
  const scores = new Map<string, number>();
  const known = new Set<string>();
  let last: string | undefined;
  for (const [left, right] of merges) {
    known.add(`${left} ${right}`);
    const token = left + right;
    if (added.has(token) || token === last) continue;
    if (scores.has(token)) {
      throw new TypeError(
        `tokenizer.json: model.merges: a GGUF orders tokens, not merges, but those of ${JSON.stringify(token)} do not stand together`,
      );
    }
    scores.set(token, -scores.size);
    last = token;
  }
  for (const token of vocabulary.keys()) {
    if (added.has(token) || bytes.has(token)) continue;
    forEachSplit(token, (left, right, single) => {
      const joins = (vocabulary.has(left) || single.left) && (vocabulary.has(right) || single.right);
      if (joins && !known.has(`${left} ${right}`)) {
        throw new TypeError(
          `tokenizer.json: model.merges: llama.cpp would join ${JSON.stringify(left)} and ${JSON.stringify(right)}, which is no merge here`,
        );
      }
    });
  }
  return { scores, bytes, addSpacePrefix: prefixOf(json) };
}

/** How GGUF spells an added token that is no special one: as a text has it. */
export const spelledSpaces = (token: string): string => token.replaceAll(space, ' ');
