const [quote, backslash, comma, space] = [34, 92, 44, 32];
const opens = new Set([91, 123]);
const closes = new Set([93, 125]);
const isSpace = (byte: number): boolean => byte === space || (byte >= 9 && byte <= 13);

/**
 * The bytes of each item of a JSON list, without reading the list whole. It only finds where an item ends: whether it is JSON is for
 * who parses it. SyntaxError where the list does not end or more comes after it; RangeError for an item past `maxBytes`.
 */
export async function* jsonItems(
  name: string,
  bytes: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let [size, items, depth] = [0, 0, 0];
  let [inString, escaped, blank, ended] = [false, false, true, false];
  const hold = (piece: Uint8Array): void => {
    size += piece.length;
    if (size > maxBytes) throw new RangeError(`${name}, row ${items + 1}: longer than ${maxBytes} bytes`);
    // Copied: who gives the bytes may use the memory again.
    if (piece.length > 0) held.push(piece.slice());
  };
  const take = (): Uint8Array => {
    const item = new Uint8Array(size);
    let at = 0;
    for (const piece of held) {
      item.set(piece, at);
      at += piece.length;
    }
    [held, size, blank] = [[], 0, true];
    items++;
    return item;
  };
  for await (const chunk of bytes) {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] ?? 0;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) inString = false;
        continue;
      }
      if (isSpace(byte)) continue;
      if (ended) throw new SyntaxError(`${name}: expected nothing after the list`);
      if (depth === 0) {
        // The bytes of a byte-order mark may stand before the bracket.
        if (byte === 91) [depth, start] = [1, i + 1];
        continue;
      }
      const separates = depth === 1 && byte === comma;
      if (opens.has(byte)) depth++;
      else if (closes.has(byte)) depth--;
      if (separates || depth === 0) {
        hold(chunk.subarray(start, i));
        ended = depth === 0;
        if (!(ended && blank && items === 0)) {
          if (blank) throw new SyntaxError(`${name}, row ${items + 1}: expected an object but found nothing`);
          yield take();
        }
        start = i + 1;
        continue;
      }
      blank = false;
      inString = byte === quote;
    }
    if (depth > 0) hold(chunk.subarray(start));
  }
  if (!ended) throw new SyntaxError(`${name}, row ${items + 1}: the list does not end`);
}
