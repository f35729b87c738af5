/** Bytes to lines: split at newline bytes alone, since JSON strings may hold U+2028 and the like as they are. */

const newline = 10;

/** Longest row of a text file in bytes: longer ones are no examples, and what is read stays within this. */
export const maxTextBytes = 64 * 1024 * 1024;

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

/** Bytes to pieces of text; SyntaxError that names the line where they are not UTF-8. */
export async function* textPieces(name: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for await (const chunk of bytes) {
    let text: string;
    try {
      text = decoder.decode(chunk, { stream: true });
    } catch {
      for (const piece of piecesOf(chunk)) {
        decodeText(piece, `${name}, line ${line}`);
        line++;
      }
      throw new SyntaxError(`${name}, line ${line}: expected UTF-8 text`);
    }
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) line++;
    yield text;
  }
  try {
    yield decoder.decode();
  } catch (cause) {
    throw new SyntaxError(`${name}, line ${line}: expected UTF-8 text`, { cause });
  }
}

function* piecesOf(chunk: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, start)) {
    yield chunk.subarray(start, at);
    start = at + 1;
  }
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
