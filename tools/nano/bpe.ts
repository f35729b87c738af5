/** Byte-level byte-pair encoding (Sennrich et al. 2016, alg. 1, on bytes as GPT-2 spells them). */

/** GPT-2's spelling of the 256 bytes: printable ones as they are, the others from U+0100 on. */
export function byteLetters(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let spare = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : spare++));
}

const pieces = /'(?:s|t|re|ve|m|ll|d)| ?\p{L}+|\d| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** Merges in the order in which they were learned: the most frequent pair first, ties by spelling. */
export function learnMerges(texts: Iterable<string>, count: number): [string, string][] {
  const letters = byteLetters();
  const frequency = new Map<string, number>();
  for (const text of texts)
    for (const [piece] of text.matchAll(pieces)) frequency.set(piece, (frequency.get(piece) ?? 0) + 1);
  const words = [...frequency].map(([piece, times]) => ({
    times,
    parts: [...new TextEncoder().encode(piece)].map((byte) => letters[byte] ?? ''),
  }));
  const merges: [string, string][] = [];
  while (merges.length < count) {
    const pairs = new Map<string, number>();
    for (const { times, parts } of words) {
      for (let i = 1; i < parts.length; i++) {
        const pair = `${parts[i - 1]} ${parts[i]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + times);
      }
    }
    let best: [string, number] | undefined;
    for (const [pair, times] of pairs)
      if (!best || times > best[1] || (times === best[1] && pair < best[0])) best = [pair, times];
    if (!best || best[1] < 2) break;
    const [left = '', right = ''] = best[0].split(' ');
    merges.push([left, right]);
    for (const { parts } of words) {
      for (let i = 1; i < parts.length; i++)
        if (parts[i - 1] === left && parts[i] === right) parts.splice(i - 1, 2, left + right);
    }
  }
  return merges;
}

/** A tokenizer.json in Hugging Face's format: special tokens first, then bytes, then merges; digits stand alone. */
export function tokenizerJson(
  special: readonly string[],
  merges: readonly (readonly [string, string])[],
): Record<string, unknown> {
  const spellings = [...special, ...byteLetters().sort(), ...merges.map(([left, right]) => left + right)];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries([...new Set(spellings)].map((spelling, id) => [spelling, id])),
      merges,
    },
  };
}
