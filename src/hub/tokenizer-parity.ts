/** Where @huggingface/tokenizers 0.2.0 departs from Hugging Face's own tokenizers, put right from outside. */

type Fields = { [key: string]: unknown };

const byteLevelPattern = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/**
 * The pre-tokenizer with equal meaning in the library: its Digits knows ASCII digits only, and its ByteLevel takes white space as
 * JavaScript does (with U+FEFF, without U+0085), as its BertPreTokenizer; a Split by the same pattern is translated rightly.
 */
export function equalPreTokenizer(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(equalPreTokenizer);
  if (value === null || typeof value !== 'object') return value;
  const step = value as Fields;
  if (step['type'] === 'BertPreTokenizer') {
    const words = { type: 'Split', pattern: { Regex: '\\s+' }, behavior: 'Removed', invert: false };
    return { type: 'Sequence', pretokenizers: [words, isolated('[\\p{P}!-/:-@\\[-`{-~]')] };
  }
  if (step['type'] === 'Digits') return isolated(step['individual_digits'] === true ? '\\p{N}' : '\\p{N}+');
  if (step['type'] === 'ByteLevel' && step['use_regex'] !== false && step['add_prefix_space'] !== true) {
    return { type: 'Sequence', pretokenizers: [isolated(byteLevelPattern), { ...step, use_regex: false }] };
  }
  return Array.isArray(step['pretokenizers'])
    ? { ...step, pretokenizers: equalPreTokenizer(step['pretokenizers']) }
    : step;
}

function isolated(Regex: string): Fields {
  return { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false };
}

const sequence = (id: 'A' | 'B', type_id: number): Fields => ({ Sequence: { id, type_id } });
const special = (pair: unknown): Fields => ({ SpecialToken: { id: (pair as [string, number])[0], type_id: 0 } });
const plainTemplate: Fields = {
  type: 'TemplateProcessing',
  single: [sequence('A', 0)],
  pair: [sequence('A', 0), sequence('B', 1)],
  special_tokens: {},
};

/**
 * The post-processor with equal meaning in the library: its ByteLevel drops the second text of a pair, and its RobertaProcessing
 * gives that text a token type of its own.
 */
export function equalPostProcessor(value: unknown): unknown {
  const step = (value ?? { type: 'ByteLevel' }) as Fields;
  if (step['type'] === 'ByteLevel') return plainTemplate;
  if (step['type'] === 'RobertaProcessing' && Array.isArray(step['cls']) && Array.isArray(step['sep'])) {
    const [cls, sep] = [special(step['cls']), special(step['sep'])];
    const single = [cls, sequence('A', 0), sep];
    return { ...plainTemplate, single, pair: [...single, sep, sequence('B', 0), sep] };
  }
  if (step['type'] !== 'Sequence' || !Array.isArray(step['processors'])) return value;
  const processors = (step['processors'] as Fields[]).filter((each) => each['type'] !== 'ByteLevel');
  return processors.length === 0 ? plainTemplate : { ...step, processors: processors.map(equalPostProcessor) };
}

/** Byte fallback as Hugging Face decodes it: a run of bytes that is not UTF-8 becomes one U+FFFD per byte, and U+FEFF stays. */
export function repairByteFallback(decoder: unknown): void {
  if (decoder === null || (typeof decoder !== 'object' && typeof decoder !== 'function')) return;
  const { decoders, config } = decoder as { decoders?: unknown; config?: Fields };
  if (Array.isArray(decoders)) decoders.forEach(repairByteFallback);
  if (config?.['type'] === 'ByteFallback') Object.assign(decoder, { text_decoder: { decode: decodeRun } });
}

function decodeRun(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return '\ufffd'.repeat(bytes.length);
  }
}

/**
 * White space by Unicode where ByteLevel splits itself, and the library's caches of words made cheap: BPE's reorders a map at every look-up, and byte-level words are spelled anew each time.
 * Together they take most of its time.
 */
export function repairModel(library: { model: unknown; pre_tokenizer: unknown }): void {
  const { model } = library;
  // the library's parts are callable objects
  if (typeof model === 'function' && 'cache' in model) Object.assign(model, { cache: wordCache() });
  repairByteLevel(library.pre_tokenizer);
}

function repairByteLevel(step: unknown): void {
  if (typeof step !== 'function') return;
  const { tokenizers, config, pre_tokenize_text } = step as {
    tokenizers?: unknown;
    config?: Fields;
    pre_tokenize_text?: (this: unknown, text: string, options: unknown) => string[];
  };
  if (Array.isArray(tokenizers)) tokenizers.forEach(repairByteLevel);
  if (config?.['type'] !== 'ByteLevel' || pre_tokenize_text === undefined) return;
  if (config['use_regex'] !== false) {
    // only one that adds a space is left whole by equalPreTokenizer
    const pattern = byteLevelPattern.replaceAll('\\s', '\\p{White_Space}').replaceAll('\\S', '\\P{White_Space}');
    Object.assign(step, { pattern: new RegExp(pattern, 'gu') });
    return;
  }
  if (config['add_prefix_space'] === true) return;
  const spelled = wordCache<string[]>();
  const quick = (text: string, options: unknown): string[] => {
    if (text.length > maxWord) return pre_tokenize_text.call(step, text, options);
    const known = spelled.get(text);
    if (known !== undefined) return known;
    const made = pre_tokenize_text.call(step, text, options);
    spelled.put(text, made);
    return made;
  };
  Object.assign(step, { pre_tokenize_text: quick });
}

const maxWord = 256;

/** Keeps the words of late: two generations, of which the older is dropped when the younger is full. */
function wordCache<T>(capacity = 50_000): {
  get: (key: string) => T | undefined;
  put: (key: string, value: T) => void;
  clear: () => void;
} {
  let recent = new Map<string, T>();
  let older = new Map<string, T>();
  const put = (key: string, value: T): void => {
    if (recent.size >= capacity) [recent, older] = [new Map<string, T>(), recent];
    recent.set(key, value);
  };
  return {
    put,
    get(key) {
      const value = recent.get(key);
      if (value !== undefined) return value;
      const old = older.get(key);
      if (old !== undefined) put(key, old);
      return old;
    },
    clear() {
      recent = new Map();
      older = new Map();
    },
  };
}
