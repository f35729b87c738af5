/** Bytes to lines: split at newline bytes alone, since JSON strings may hold U+2028 and the like as they are. */

const newline = 10;

/** Longest line, and longest file that is read whole: what fits one string with room to spare. */
export const maxTextBytes = 256 * 1024 * 1024;

/** Lines without their line ends; RangeError for a line past `maxTextBytes`. */
export async function* byteLines(name: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let held = 0;
  let line = 1;
  const hold = (piece: Uint8Array): void => {
    held += piece.length;
    if (held > maxTextBytes) throw new RangeError(`${name}, line ${line}: longer than ${maxTextBytes} bytes`);
    if (piece.length > 0) pieces.push(piece);
  };
  for await (const chunk of bytes) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      hold(chunk.subarray(start, end));
      yield joinBytes(pieces, held);
      [pieces, held, start] = [[], 0, end + 1];
      line++;
    }
    hold(chunk.subarray(start));
  }
  if (held > 0) yield joinBytes(pieces, held);
}

/** All bytes as one text; RangeError past `maxTextBytes`, SyntaxError where they are not UTF-8. */
export async function wholeText(name: string, bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of bytes) {
    held += chunk.length;
    if (held > maxTextBytes)
      throw new RangeError(`${name}: longer than ${maxTextBytes} bytes, which only JSONL may be`);
    pieces.push(chunk);
  }
  return decodeText(joinBytes(pieces, held), name);
}

/** UTF-8 to text without a byte-order mark; SyntaxError that says where. */
export function decodeText(bytes: Uint8Array, place: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError(`${place}: expected UTF-8 text`, { cause });
  }
}

function joinBytes(pieces: Uint8Array[], length: number): Uint8Array {
  const [first] = pieces;
  if (pieces.length === 1 && first !== undefined) return first;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
