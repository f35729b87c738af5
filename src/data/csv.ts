/** Records of a CSV text (RFC 4180): quotes double inside quotes, line ends may stand inside them. SyntaxError that names the line. */
export function* csvRecords(text: string, name: string): Generator<{ line: number; cells: string[] }> {
  let line = 1;
  let start = line;
  let cells: string[] = [];
  let cell = '';
  let quoted = false;
  let wasQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '\n') line++;
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[i + 1] === '"') cell += text[++i];
      else quoted = false;
    } else if (char === '"' && cell === '' && !wasQuoted) {
      quoted = true;
      wasQuoted = true;
    } else if (char === ',') {
      cells.push(cell);
      cell = '';
      wasQuoted = false;
    } else if (char === '\n' || (char === '\r' && text[i + 1] === '\n')) {
      if (char === '\r') continue;
      if (cells.length > 0 || cell !== '' || wasQuoted) yield { line: start, cells: [...cells, cell] };
      [cells, cell, wasQuoted, start] = [[], '', false, line];
    } else if (wasQuoted) {
      throw new SyntaxError(
        `${name}, line ${line}: expected a comma after a quoted cell but found ${JSON.stringify(char)}`,
      );
    } else cell += char;
  }
  if (quoted) throw new SyntaxError(`${name}, line ${start}: a quoted cell does not end`);
  if (cells.length > 0 || cell !== '' || wasQuoted) yield { line: start, cells: [...cells, cell] };
}
