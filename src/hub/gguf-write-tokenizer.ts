import type { CheckpointTokenizer } from './checkpoint-tokenizer.ts';
import type { GgufField } from './gguf-bytes.ts';
import { ggufPreTokenizerName } from './gguf-pre-tokenizers.ts';
import { spelledSpaces, writeSpm } from './gguf-spm.ts';
import { ggufTokenTypes } from './gguf-token-types.ts';
import { describe, isRecord, recordOf } from './json.ts';
import { loadTokenizer } from './tokenizer.ts';
import { type AddedToken, addedTokens, specialNames, vocabularyOf } from './tokenizer-json.ts';

type Json = Readonly<Record<string, unknown>>;

function mergesOf(model: Json): (readonly [string, string])[] {
  const merges = model['merges'];
  if (!Array.isArray(merges)) throw new TypeError('tokenizer.json: expected a list at model.merges but found none');
  return merges.map((merge: unknown) => {
    const parts: unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : [];
    const [left, right] = parts;
    if (parts.length === 2 && typeof left === 'string' && typeof right === 'string') return [left, right];
    throw new TypeError(`tokenizer.json: expected two parts in a merge but found ${describe(merge)}`);
  });
}

/** Ids that end a generation, the tokenizer's own first: GGUF has a place for two. */
function stopIds(own: number | undefined, configured: readonly number[]): readonly number[] {
  const ids = [...new Set([...(own === undefined || !configured.includes(own) ? [] : [own]), ...configured])];
  if (ids.length > 2)
    throw new RangeError(`Expected at most two stop tokens for a GGUF but found ${ids.join(', ')} in eos_token_id`);
  return ids.length > 0 || own === undefined ? ids : [own];
}

/** What a kind of tokenizer has of its own. */
interface Kind {
  readonly fields: readonly (readonly [string, GgufField])[];
  /** Spelling and type of a token of the vocabulary, and of one that is added and no special one. */
  readonly typeOf: (token: string) => number;
  readonly spelled: (token: string) => string;
}

function byteLevel(json: Json, model: Json): Kind {
  const pre = ggufPreTokenizerName(json['pre_tokenizer'] ?? null, model['ignore_merges'] === true);
  if (model['type'] !== 'BPE' || pre === undefined) {
    throw new TypeError(
      `A GGUF needs a byte-level BPE tokenizer that llama.cpp knows by name, or a BPE with byte fallback, but found ${describe(model['type'])} with the pre-tokenizer ${describe(json['pre_tokenizer'])}`,
    );
  }
  return {
    fields: [
      ['tokenizer.ggml.model', { text: 'gpt2' }],
      ['tokenizer.ggml.pre', { text: pre }],
      ['tokenizer.ggml.merges', { texts: mergesOf(model).map((parts) => parts.join(' ')) }],
    ],
    typeOf: () => ggufTokenTypes.normal,
    spelled: (token) => token,
  };
}

/** Scores of tokens that are not joined: those that are found before, as llama.cpp's own converter has them, and the rest. */
const [addedScore, otherScore] = [-1000, 0];

function byteFallback(
  json: Json,
  model: Json,
  vocabulary: ReadonlyMap<string, number>,
  added: readonly AddedToken[],
  vocabSize: number,
): Kind {
  const names = new Set(added.map(({ content }) => content));
  const { scores, bytes, addSpacePrefix } = writeSpm(json, mergesOf(model), vocabulary, names);
  const values = new Float32Array(vocabSize).fill(addedScore);
  for (const [token, id] of vocabulary) if (!names.has(token)) values[id] = scores.get(token) ?? otherScore;
  return {
    fields: [
      ['tokenizer.ggml.model', { text: 'llama' }],
      ['tokenizer.ggml.pre', { text: 'default' }],
      ['tokenizer.ggml.scores', { f32s: values }],
      ['tokenizer.ggml.add_space_prefix', { bool: addSpacePrefix }],
    ],
    typeOf: (token) => (bytes.has(token) ? ggufTokenTypes.byte : ggufTokenTypes.normal),
    spelled: spelledSpaces,
  };
}

/**
 * A tokenizer, byte-level BPE or BPE with byte fallback, with its chat templates as GGUF metadata of `vocabSize` tokens; ids without a
 * token are marked unused. TypeError that names a tokenizer of another kind.
 */
export function ggufTokenizerFields(
  tokenizer: CheckpointTokenizer,
  vocabSize: number,
  eosTokenId: number | readonly number[] | null | undefined,
): Map<string, GgufField> {
  const json = recordOf(tokenizer.tokenizerJson, 'tokenizer.json');
  const model = recordOf(json['model'], 'tokenizer.json at model');
  const settings = isRecord(tokenizer.tokenizerConfig) ? tokenizer.tokenizerConfig : {};
  const names = specialNames(settings);
  const vocabulary = vocabularyOf(json);
  const added = addedTokens(json, names, vocabulary);
  const kind =
    model['byte_fallback'] === true ? byteFallback(json, model, vocabulary, added, vocabSize) : byteLevel(json, model);
  const tokens = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(vocabSize).fill(ggufTokenTypes.unused);
  const place = (id: number, text: string, type: number): void => {
    if (id >= vocabSize)
      throw new RangeError(`tokenizer.json: expected token ids below ${vocabSize} but found ${id} for ${text}`);
    tokens[id] = text;
    types[id] = type;
  };
  for (const [text, id] of vocabulary) place(id, text, kind.typeOf(text));
  for (const { id, content, special } of added) {
    if (special !== true) place(id, kind.spelled(content), ggufTokenTypes.user);
    else place(id, content, ggufTokenTypes.control);
  }

  const loaded = loadTokenizer(tokenizer);
  const probe = loaded.encode('a');
  const plain = loaded.encode('a', { addSpecialTokens: false });
  const [eos, eot] = stopIds(loaded.eosToken?.id, eosTokenId === null ? [] : [eosTokenId ?? []].flat());
  const unknown = names['unk_token'];
  const unknownId = unknown === undefined ? undefined : added.find(({ content }) => content === unknown)?.id;
  const ids = { bos: loaded.bosTokenId, eos, eot, padding: loaded.padTokenId, unknown: unknownId };
  return new Map<string, GgufField>([
    ...kind.fields,
    ['tokenizer.ggml.tokens', { texts: tokens }],
    ['tokenizer.ggml.token_type', { i32s: types }],
    ...Object.entries(ids).flatMap(([name, id]): [string, GgufField][] =>
      id === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, { u32: id }]],
    ),
    ['tokenizer.ggml.add_bos_token', { bool: probe[0] !== plain[0] }],
    ['tokenizer.ggml.add_eos_token', { bool: probe.at(-1) !== plain.at(-1) }],
    ...(tokenizer.chatTemplate === undefined
      ? []
      : [['tokenizer.chat_template', { text: tokenizer.chatTemplate }] as const]),
    ...Object.entries(tokenizer.namedTemplates).map(([name, template]): [string, GgufField] => [
      `tokenizer.chat_template.${name}`,
      { text: template },
    ]),
  ]);
}
