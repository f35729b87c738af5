/**
 * Records of CSV text that comes in pieces (RFC 4180): quotes double inside quotes, line ends may stand inside them, a byte-order mark at the
 * start goes. SyntaxError that names the line; RangeError for a record past `maxChars`.
 */
export async function* csvRecords(
  pieces: AsyncIterable<string> | Iterable<string>,
  name: string,
  { separator = ',', maxChars = Infinity }: { readonly separator?: string; readonly maxChars?: number } = {},
): AsyncGenerator<{ line: number; cells: string[] }> {
  let [line, start] = [1, 1];
  let cells: string[] = [];
  // A cell is pieced together from runs, since adding one character after another to a long one is slow.
  let cell = '';
  let size = 0;
  let state: 'start' | 'plain' | 'quoted' | 'quote' | 'return' = 'start';
  const wrong = (char: string): SyntaxError =>
    new SyntaxError(
      `${name}, line ${line}: expected a ${separator === ',' ? 'comma' : 'separator'} after a quoted cell but found ${JSON.stringify(char)}`,
    );
  const endCell = (): void => {
    cells.push(cell);
    [cell, state] = ['', 'start'];
  };
  const special = separator === ',' ? /[",\r\n]/g : new RegExp(`["\\r\\n${separator}]`, 'g');
  for await (const text of pieces) {
    for (let i = 0; i < text.length;) {
      if (state === 'plain' || state === 'quoted' || state === 'start') {
        special.lastIndex = i;
        const end = state === 'quoted' ? text.indexOf('"', i) : (special.exec(text)?.index ?? -1);
        const run = text.slice(i, end < 0 ? text.length : end);
        if (run !== '') {
          if (state === 'start') state = 'plain';
          cell += run;
          size += run.length;
          if (size > maxChars) throw new RangeError(`${name}, line ${start}: longer than ${maxChars} characters`);
          if (state === 'quoted') for (let at = run.indexOf('\n'); at >= 0; at = run.indexOf('\n', at + 1)) line++;
          i += run.length;
          if (end < 0) break;
        }
      }
      const char = text[i] ?? '';
      i++;
      if (state === 'quoted') {
        state = 'quote';
        continue;
      }
      if (char === '"' && (state === 'quote' || state === 'start')) {
        // Two quotes inside quotes are one; the first in a cell opens it.
        if (state === 'quote') cell += '"';
        state = 'quoted';
        continue;
      }
      if (char === separator && state !== 'return') {
        endCell();
        continue;
      }
      if (char === '\r' && state !== 'return') {
        if (state === 'quote') endCell();
        else if (state !== 'start' || cells.length > 0) endCell();
        state = 'return';
        continue;
      }
      if (char === '\n') {
        if (state === 'quote' || state === 'plain' || (state === 'start' && cells.length > 0)) endCell();
        line++;
        if (cells.length > 0) yield { line: start, cells };
        [cells, cell, state, start, size] = [[], '', 'start', line, 0];
        continue;
      }
      if (state === 'return') {
        // A lone carriage return is text.
        cell = `${cells.pop() ?? ''}\r`;
        state = 'plain';
        i--;
        continue;
      }
      if (state === 'quote') throw wrong(char);
      cell += char;
      state = 'plain';
    }
  }
  if (state === 'quoted') throw new SyntaxError(`${name}, line ${start}: a quoted cell does not end`);
  if (state === 'quote' || state === 'plain' || (state === 'start' && cells.length > 0)) endCell();
  if (cells.length > 0) yield { line: start, cells };
}
