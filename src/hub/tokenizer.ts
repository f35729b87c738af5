/** Text to token ids and back, as transformers' fast tokenizers do it: `tokenizer.json` is the truth. */
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { type ChatTemplateOptions, type ChatTemplate, compileChatTemplate } from './chat-template.ts';
import { describe, named, reasonOf } from '../ir/errors.ts';
import { recordOf } from './json.ts';
import type { Json } from './python-text.ts';
import { repairByteFallback, repairModel } from './tokenizer-parity.ts';
import { addedTokens, alphabetOf, chatTemplates, checkedJson, specialNames, vocabularyOf } from './tokenizer-json.ts';
import { maskFromSpans, tokenSpans, type TokenReading } from './token-spans.ts';

export type Message = { role: string; [field: string]: Json };

export type ChatOptions = {
  tools?: Json;
  addGenerationPrompt?: boolean;
  /** Ask for `assistantMask`; throws Error where the template has no `{% generation %}` block. */
  returnAssistantMask?: boolean;
  /** Name of one of several templates; unless given, tool_use where there are tools and such a template, else the default. */
  template?: string;
  /** More variables for the template (TRL's `chat_template_kwargs`); `chat_template` names a template. */
  variables?: { [name: string]: Json };
};

export type Chat = { text: string; ids: number[]; assistantMask?: number[] };

/** Ids of a text or a pair of texts, and which of the two each belongs to, as the tokenizer's template says. */
export type TextPair = { ids: number[]; tokenTypes: number[]; truncated: boolean };

export type Tokenizer = {
  /** With special tokens; cut to `maxLength`, the longer text first. RangeError where not even the special tokens fit. */
  encodePair: (text: string, pair?: string, options?: { maxLength?: number }) => TextPair;
  encode: (text: string, options?: { addSpecialTokens?: boolean }) => number[];
  decode: (ids: readonly number[], options?: { skipSpecialTokens?: boolean }) => string;
  /** The token as the vocabulary spells it; throws RangeError for an id outside. */
  tokenText: (id: number) => string;
  /** One more than the largest id. */
  vocabSize: number;
  /** Ids that end a generation: the model's configuration's, else the tokenizer's own. */
  eosTokenIds: number[];
  /** The tokenizer's end-of-sequence token, appended to raw text in training. */
  eosToken?: { text: string; id: number };
  bosTokenId?: number;
  padTokenId?: number;
  specialIds: ReadonlySet<number>;
  chatTemplate?: string;
  hasGenerationBlocks: boolean;
  applyChatTemplate: (messages: readonly Message[], options?: ChatOptions) => Chat;
};

/** The parsed files of a model folder; `chatTemplate` is `chat_template.jinja`, which goes before the one in the configuration. */
export type TokenizerFiles = {
  tokenizerJson: unknown;
  tokenizerConfig?: unknown;
  chatTemplate?: string;
  namedTemplates?: Readonly<Record<string, string>>;
};

/** Builds a tokenizer; `config` is the generation or model configuration (`eos_token_id`). Throws TypeError or SyntaxError for malformed files. */
export function loadTokenizer(
  files: TokenizerFiles,
  config: { eos_token_id?: number | number[] | null } = {},
  options: ChatTemplateOptions = {},
): Tokenizer {
  const settings = files.tokenizerConfig === undefined ? {} : recordOf(files.tokenizerConfig, 'tokenizer_config.json');
  const json = named('tokenizer.json', () => checkedJson(files.tokenizerJson));
  const names = specialNames(settings);
  const vocabulary = vocabularyOf(json);
  const added = named('tokenizer.json', () => addedTokens(json, names, vocabulary));
  const library = failing(() => new Library({ ...json, added_tokens: added }, settings));
  repairByteFallback(library.decoder);
  repairModel(library);

  const addedById = new Map(added.map((token) => [token.id, token]));
  const idOf = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : library.token_to_id(text);
  const specialIds = new Set(added.filter((token) => token.special === true).map((token) => token.id));
  const vocabSize = 1 + Math.max(-1, ...chunkMax(vocabulary.values()), ...added.map((token) => token.id));
  const cleanUp = settings['clean_up_tokenization_spaces'] === true;

  const encode = (text: string, { addSpecialTokens = true } = {}): number[] => {
    if (text === '' && !addSpecialTokens) return [];
    const { ids } = library.encode(text, { add_special_tokens: addSpecialTokens });
    // the library leaves holes where a token is unknown and the model has no unknown token
    return ids.filter((id) => id !== undefined);
  };
  const encodePair = (text: string, pair?: string, options: { maxLength?: number } = {}): TextPair => {
    const encoded: { ids: (number | undefined)[]; token_type_ids?: number[] } = library.encode(text, {
      text_pair: pair ?? null,
      return_token_type_ids: true,
    });
    const known = encoded.ids.flatMap((id, t) =>
      id === undefined ? [] : [{ id, type: encoded.token_type_ids?.[t] ?? 0 }],
    );
    const [ids, types] = [known.map(({ id }) => id), known.map(({ type }) => type)];
    const { maxLength = ids.length } = options;
    if (ids.length <= maxLength) return { ids, tokenTypes: types, truncated: false };
    const first = library.tokenize(text);
    const second = pair === undefined || pair === '' ? null : library.tokenize(pair);
    const room = maxLength - (ids.length - first.length - (second?.length ?? 0));
    if (room < 0)
      throw new RangeError(
        `Expected room for the ${maxLength - room} special tokens but found a length of ${maxLength}`,
      );
    const [keptFirst, keptSecond] = longestFirst(first.length, second?.length ?? 0, room);
    const cut = library.post_processor?.post_process(
      first.slice(0, keptFirst),
      second?.slice(0, keptSecond) ?? null,
      true,
    );
    const tokens = cut?.tokens ?? [...first.slice(0, keptFirst), ...(second?.slice(0, keptSecond) ?? [])];
    const unknown = library.model?.unk_token_id;
    return {
      ids: tokens.map((token) => library.token_to_id(token) ?? unknown ?? 0),
      tokenTypes: cut?.token_type_ids ?? tokens.map(() => 0),
      truncated: true,
    };
  };
  const decode = (ids: readonly number[], { skipSpecialTokens = false } = {}): string => {
    const kept = ids.filter((id) => {
      if (library.id_to_token(id) === undefined)
        throw new RangeError(`Expected a token id below ${vocabSize} but found ${id}`);
      return !(skipSpecialTokens && specialIds.has(id));
    });
    return kept.length === 0 ? '' : library.decode(kept, { clean_up_tokenization_spaces: cleanUp });
  };

  const templates = chatTemplates(files.chatTemplate, files.namedTemplates, settings['chat_template']);
  const compiled = new Map<string, ChatTemplate>();
  const templateFor = (tools: Json | undefined, name?: string): ChatTemplate => {
    if (name !== undefined && !templates.has(name)) {
      const known = [...templates.keys()].join(', ') || 'none';
      throw new RangeError(`Expected the name of a chat template (${known}) but found ${name}`);
    }
    const fitting = tools !== undefined && tools !== null ? templates.get('tool_use') : undefined;
    const source = name === undefined ? (fitting ?? templates.get('default')) : templates.get(name);
    if (source === undefined)
      throw new Error('The tokenizer has no chat template: add chat_template.jinja to the model folder');
    const known = compiled.get(source) ?? compileChatTemplate(source, options);
    compiled.set(source, known);
    return known;
  };
  const alphabet = alphabetOf(json);

  const applyChatTemplate = (messages: readonly Message[], chat: ChatOptions = {}): Chat => {
    if (messages.length === 0) throw new RangeError('Expected at least one message but found none');
    const { chat_template: asked = null, ...variables } = chat.variables ?? {};
    if (asked !== null && typeof asked !== 'string')
      throw new TypeError(`chat_template: expected the name of a chat template but found ${JSON.stringify(asked)}`);
    const template = templateFor(chat.tools, chat.template ?? asked ?? undefined);
    if (chat.returnAssistantMask === true && !template.hasGeneration) {
      throw new Error('The chat template has no {% generation %} block, so it does not say what the assistant wrote');
    }
    const { text, spans } = template.render({
      ...names,
      ...variables,
      messages: messages as unknown as Json,
      tools: chat.tools ?? null,
      documents: null,
      add_generation_prompt: chat.addGenerationPrompt ?? false,
    });
    const ids = encode(text, { addSpecialTokens: false });
    if (chat.returnAssistantMask !== true) return { text, ids };
    const readings = ids.map((id): TokenReading => {
      const token = addedById.get(id);
      const read = { text: library.id_to_token(id) ?? '', added: token !== undefined };
      return { ...read, lstrip: token?.lstrip === true, rstrip: token?.rstrip === true };
    });
    return {
      text,
      ids,
      assistantMask: maskFromSpans(
        tokenSpans(text, readings, alphabet, (char) => !vocabulary.has(char)),
        spans,
        text,
      ),
    };
  };

  const eosId = idOf(names['eos_token']);
  const configured = [config.eos_token_id ?? []].flat();
  const wrong = configured.find((id) => !Number.isSafeInteger(id) || id < 0);
  if (wrong !== undefined) throw new TypeError(`config: eos_token_id: expected token ids but found ${describe(wrong)}`);
  const bosTokenId = idOf(names['bos_token']);
  const padTokenId = idOf(names['pad_token']);
  const defaultTemplate = templates.get('default');
  return {
    encode,
    encodePair,
    decode,
    tokenText(id) {
      const text = library.id_to_token(id);
      if (text === undefined) throw new RangeError(`Expected a token id below ${vocabSize} but found ${id}`);
      return text;
    },
    vocabSize,
    eosTokenIds: configured.length > 0 ? configured : eosId === undefined ? [] : [eosId],
    ...(eosId !== undefined && names['eos_token'] !== undefined
      ? { eosToken: { text: names['eos_token'], id: eosId } }
      : {}),
    ...(bosTokenId !== undefined ? { bosTokenId } : {}),
    ...(padTokenId !== undefined ? { padTokenId } : {}),
    specialIds,
    ...(defaultTemplate !== undefined ? { chatTemplate: defaultTemplate } : {}),
    hasGenerationBlocks: defaultTemplate !== undefined && templateFor(undefined).hasGeneration,
    applyChatTemplate,
  };
}

/** Lengths of two texts that fit into `room`: the longer loses tokens until both are alike, then both do. */
function longestFirst(first: number, second: number, room: number): [number, number] {
  const [short, long] = first <= second ? [first, second] : [second, first];
  const keptLong = Math.min(long, Math.max(short, room - short));
  const half = Math.floor(room / 2);
  const [a, c] = short + keptLong > room ? [half, room - half] : [short, keptLong];
  return first <= second ? [a, c] : [c, a];
}

/** The largest of the numbers, without spreading a vocabulary over the stack. */
function chunkMax(ids: Iterable<number>): number[] {
  let max = -1;
  for (const id of ids) max = Math.max(max, id);
  return [max];
}

function failing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new TypeError(`tokenizer.json cannot be used: ${reasonOf(error, 'a part of it is of another kind')}`, {
      cause: error,
    });
  }
}
