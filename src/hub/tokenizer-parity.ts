/** Where @huggingface/tokenizers 0.2.0 departs from Hugging Face's own tokenizers, put right from outside. */

type Fields = { [key: string]: unknown };

const byteLevelPattern = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/**
 * The pre-tokenizer with equal meaning in the library: its Digits knows ASCII digits only, and its ByteLevel takes white space as
 * JavaScript does (with U+FEFF, without U+0085); a Split by the same pattern is translated rightly.
 */
export function equalPreTokenizer(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(equalPreTokenizer);
  if (value === null || typeof value !== 'object') return value;
  const step = value as Fields;
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
