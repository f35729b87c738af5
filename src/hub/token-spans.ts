/** Which characters of a text each of its tokens covers: what the tokenizer library does not tell. */

export type Span = { start: number; end: number };

/** How one token reads: added tokens stand in the text as they are, others are in the model's alphabet. */
export type TokenReading = { text: string; added: boolean; lstrip: boolean; rstrip: boolean };

const byteOf = byteAlphabet();
const charOf = new Map([...byteOf].map(([char, byte]) => [byte, char]));

/** GPT-2's printable stand-ins for bytes: char -> byte. */
function byteAlphabet(): Map<string, number> {
  const map = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    map.set(String.fromCharCode(printable ? byte : next++), byte);
  }
  return map;
}

/**
 * UTF-16 spans of tokens in `text`, which they must spell out byte by byte (byte-level vocabularies; SentencePiece ones with `▁` and `<0xNN>`).
 * A token inside a character covers the whole character, as in Hugging Face tokenizers. `isUnknown` says which characters of a byte alphabet
 * the vocabulary lacks: such bytes leave no token. Throws RangeError where tokens and text part ways.
 */
export function tokenSpans(
  text: string,
  readings: TokenReading[],
  alphabet: 'bytes' | 'sentencepiece',
  isUnknown: (char: string) => boolean = () => false,
): Span[] {
  const { bytes, unitOf } = bytesWithUnits(text);
  const encoder = new TextEncoder();
  const spans: Span[] = [];
  let cursor = 0;
  const isSpace = (): boolean => cursor < bytes.length && [9, 10, 11, 12, 13, 32].includes(bytes[cursor] ?? 0);
  const skipUnknown = (spelled: Uint8Array): void => {
    while (
      alphabet === 'bytes' &&
      cursor < bytes.length &&
      !matches(bytes, cursor, spelled) &&
      isUnknown(charOf.get(bytes[cursor] ?? 0) ?? '')
    ) {
      cursor++;
    }
  };
  readings.forEach((reading, index) => {
    let spelled = reading.added ? encoder.encode(reading.text) : spell(reading.text, alphabet, encoder);
    skipUnknown(spelled);
    const start = cursor;
    if (reading.lstrip) while (isSpace()) cursor++;
    if (!matches(bytes, cursor, spelled)) {
      // SentencePiece may put a space of its own before the text
      if (
        !reading.added &&
        alphabet === 'sentencepiece' &&
        spelled[0] === 32 &&
        matches(bytes, cursor, spelled.subarray(1))
      ) {
        spelled = spelled.subarray(1);
      } else {
        throw new RangeError(
          `Token ${index} (${JSON.stringify(reading.text)}) does not spell the text at character ${unitOf[cursor] ?? text.length}: this tokenizer changes the text, so characters cannot be matched to tokens`,
        );
      }
    }
    cursor += spelled.length;
    if (reading.rstrip) while (isSpace()) cursor++;
    spans.push({ start: unitOf[start] ?? text.length, end: charEnd(unitOf, cursor, text.length) });
  });
  while (cursor < bytes.length && alphabet === 'bytes' && isUnknown(charOf.get(bytes[cursor] ?? 0) ?? '')) cursor++;
  if (cursor !== bytes.length)
    throw new RangeError(`Tokens end at byte ${cursor} of ${bytes.length}: this tokenizer drops text`);
  return spans;
}

/** 1 for every token that a span touches, as transformers computes `assistant_masks`: by the first and the last character of each span. */
export function maskFromSpans(tokens: Span[], spans: Span[], text: string): number[] {
  const mask = tokens.map(() => 0);
  const tokenAt = (unit: number): number => tokens.findIndex((token) => token.start <= unit && unit < token.end);
  for (const { start, end } of spans) {
    const first = tokenAt(start);
    if (first < 0) break;
    const previous = end >= 2 && (text.codePointAt(end - 2) ?? 0) > 0xffff ? end - 2 : end - 1;
    const last = tokenAt(previous);
    // transformers takes token 0 for "none", too, and then marks to the end
    mask.fill(1, first, last > 0 ? Math.max(last + 1, first) : tokens.length);
  }
  return mask;
}

function matches(bytes: Uint8Array, at: number, part: Uint8Array): boolean {
  if (at + part.length > bytes.length) return false;
  for (let i = 0; i < part.length; i++) if (bytes[at + i] !== part[i]) return false;
  return true;
}

function spell(token: string, alphabet: 'bytes' | 'sentencepiece', encoder: TextEncoder): Uint8Array {
  if (alphabet === 'bytes') return Uint8Array.from(token, (char) => byteOf.get(char) ?? 0);
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
  return byte === undefined ? encoder.encode(token.replaceAll('▁', ' ')) : Uint8Array.of(parseInt(byte, 16));
}

/** UTF-8 of a text and, per byte, where its character starts in UTF-16 units. */
function bytesWithUnits(text: string): { bytes: Uint8Array; unitOf: Int32Array } {
  const bytes = new TextEncoder().encode(text);
  const unitOf = new Int32Array(bytes.length + 1);
  let byte = 0;
  let unit = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    const width = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    unitOf.fill(unit, byte, byte + width);
    byte += width;
    unit += char.length;
  }
  unitOf[byte] = unit;
  return { bytes, unitOf };
}

/** End of the character that holds byte `cursor - 1`. */
function charEnd(unitOf: Int32Array, cursor: number, length: number): number {
  if (cursor === 0) return 0;
  const unit = unitOf[cursor - 1] ?? 0;
  for (let next = cursor; next < unitOf.length; next++) {
    const start = unitOf[next] ?? length;
    if (start !== unit) return start;
  }
  return length;
}
