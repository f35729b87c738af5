import type { CheckpointTokenizer } from './checkpoint-tokenizer.ts';
import type { GgufField } from './gguf-bytes.ts';
import { ggufPreTokenizerName, ggufTokenTypes } from './gguf-tokenizer.ts';
import { describe, isRecord, recordOf } from './json.ts';
import { loadTokenizer } from './tokenizer.ts';
import { addedTokens, specialNames, vocabularyOf } from './tokenizer-json.ts';

/** Merges as GGUF has them: two parts with a space between. */
function mergesOf(model: Readonly<Record<string, unknown>>): string[] {
  const merges = model['merges'];
  if (!Array.isArray(merges)) throw new TypeError('tokenizer.json: expected a list at model.merges but found none');
  return merges.map((merge: unknown) => {
    if (typeof merge === 'string') return merge;
    if (Array.isArray(merge) && merge.length === 2) return `${String(merge[0])} ${String(merge[1])}`;
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

/**
 * A byte-level BPE tokenizer with its chat templates as GGUF metadata of `vocabSize` tokens; ids without a token are
 * marked unused. TypeError that names a tokenizer of another kind.
 */
export function ggufTokenizerFields(
  tokenizer: CheckpointTokenizer,
  vocabSize: number,
  eosTokenId: number | readonly number[] | null | undefined,
): Map<string, GgufField> {
  const json = recordOf(tokenizer.tokenizerJson, 'tokenizer.json');
  const model = recordOf(json['model'], 'tokenizer.json at model');
  const settings = isRecord(tokenizer.tokenizerConfig) ? tokenizer.tokenizerConfig : {};
  const pre = ggufPreTokenizerName(json['pre_tokenizer'] ?? null, model['ignore_merges'] === true);
  if (model['type'] !== 'BPE' || pre === undefined) {
    throw new TypeError(
      `A GGUF needs a byte-level BPE tokenizer that llama.cpp knows by name but found ${describe(model['type'])} with the pre-tokenizer ${describe(json['pre_tokenizer'])}`,
    );
  }
  const names = specialNames(settings);
  const vocabulary = vocabularyOf(json);
  const added = addedTokens(json, names, vocabulary);
  const tokens = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(vocabSize).fill(ggufTokenTypes.unused);
  const place = (id: number, text: string, type: number): void => {
    if (id >= vocabSize)
      throw new RangeError(`tokenizer.json: expected token ids below ${vocabSize} but found ${id} for ${text}`);
    tokens[id] = text;
    types[id] = type;
  };
  for (const [text, id] of vocabulary) place(id, text, ggufTokenTypes.normal);
  for (const { id, content, special } of added)
    place(id, content, special === true ? ggufTokenTypes.control : ggufTokenTypes.user);

  const loaded = loadTokenizer(tokenizer);
  const probe = loaded.encode('a');
  const plain = loaded.encode('a', { addSpecialTokens: false });
  const [eos, eot] = stopIds(loaded.eosToken?.id, eosTokenId === null ? [] : [eosTokenId ?? []].flat());
  const unknown = names['unk_token'];
  const unknownId = unknown === undefined ? undefined : added.find(({ content }) => content === unknown)?.id;
  const ids = { bos: loaded.bosTokenId, eos, eot, padding: loaded.padTokenId, unknown: unknownId };
  return new Map<string, GgufField>([
    ['tokenizer.ggml.model', { text: 'gpt2' }],
    ['tokenizer.ggml.pre', { text: pre }],
    ['tokenizer.ggml.tokens', { texts: tokens }],
    ['tokenizer.ggml.token_type', { i32s: types }],
    ['tokenizer.ggml.merges', { texts: mergesOf(model) }],
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
