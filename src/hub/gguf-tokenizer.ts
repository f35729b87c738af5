import type { Gguf } from './gguf.ts';
import { ggufFields } from './gguf-metadata.ts';
import type { GgufFields } from './gguf-metadata.ts';
import type { CheckpointTokenizer } from './checkpoint-tokenizer.ts';
import { preTokenizerOf } from './gguf-pre-tokenizers.ts';
import { readSpm } from './gguf-spm.ts';
import { ggufTokenTypes } from './gguf-token-types.ts';

const { control: controlToken, user: userToken, unknown: unknownToken } = ggufTokenTypes;

/** Parts of tokenizer.json that a kind of vocabulary has its own of, and what it does where a file does not say. */
interface Kind {
  readonly parts: (
    gguf: Gguf,
    vocab: ReadonlyMap<string, number>,
    types: Int32Array,
    unknown: string | undefined,
  ) => {
    readonly normalizer: unknown;
    readonly preTokenizer: unknown;
    readonly decoder: unknown;
    readonly model: unknown;
  };
  readonly addBos: (fields: GgufFields) => boolean;
  readonly defaultIds: Readonly<Record<string, number>>;
}

/** By tokenizer.ggml.model. */
const kinds: Readonly<Record<string, Kind>> = {
  gpt2: { parts: byteLevelParts, addBos: (fields) => preTokenizerOf(fields).addBos, defaultIds: {} },
  llama: { parts: readSpm, addBos: () => true, defaultIds: { bos: 1, eos: 2, unknown: 0 } },
};

function kindOf(fields: GgufFields): Kind {
  const name = fields.string('tokenizer.ggml.model') ?? null;
  const kind = name !== null && Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind) return kind;
  throw new TypeError(
    `${fields.file}: tokenizer.ggml.model: expected gpt2 (byte-level BPE) or llama (SentencePiece's BPE) but found ${JSON.stringify(name)}`,
  );
}

function byteLevelParts(gguf: Gguf, vocab: ReadonlyMap<string, number>): ReturnType<Kind['parts']> {
  const fields = ggufFields(gguf);
  const { json, normalizer = null, ignoreMerges } = preTokenizerOf(fields);
  return {
    normalizer,
    preTokenizer: json,
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

function specialOf(
  fields: GgufFields,
  tokens: readonly string[],
  defaultIds: Kind['defaultIds'],
  name: string,
): Special | undefined {
  const key = `tokenizer.ggml.${name}_token_id`;
  const stated = fields.integer(key);
  const id = stated ?? defaultIds[name];
  if (id === undefined) return undefined;
  const content = tokens[id];
  if (content !== undefined) return { id, content };
  if (stated === undefined) return undefined;
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
  const { parts: partsOf, addBos, defaultIds } = kindOf(fields);
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
    .filter(([, id]) => [controlToken, userToken, unknownToken].some((type) => type === types[id]))
    .map(([content, id]) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: types[id] !== userToken,
    }));
  const special = (name: string): Special | undefined => specialOf(fields, tokens, defaultIds, name);
  const [bos, eos, unknown] = [special('bos'), special('eos'), special('unknown')];
  const addsBos = fields.boolean('tokenizer.ggml.add_bos_token') ?? addBos(fields);
  const addsEos = fields.boolean('tokenizer.ggml.add_eos_token') ?? false;
  const { normalizer, preTokenizer, decoder, model } = partsOf(gguf, vocab, types, unknown?.content);
  const tokenizerJson = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer,
    pre_tokenizer: preTokenizer,
    post_processor: postProcessor(addsBos ? bos : undefined, addsEos ? eos : undefined),
    decoder,
    model,
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
    ['pad_token', special('padding')],
    ['unk_token', unknown],
  ] as const;
  for (const [key, token] of names) if (token !== undefined) tokenizerConfig[key] = token.content;
  return { tokenizerJson, tokenizerConfig, ...templatesOf(gguf, fields) };
}
