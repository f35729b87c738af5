/** Rows of a data set's file, one by one, with their place in it. */
import { type Json, parseJson } from '../hub/python-text.ts';
import { csvRecords } from './csv.ts';
import { byteLines, decodeText, wholeText } from './lines.ts';

export type RowFields = { [column: string]: Json };

/** `index` is the 0-based number of the input line (JSONL) or record; `place` names file and line for errors. */
export type Row = { index: number; place: string; fields: RowFields };

/** Where rows come from: a name with the file's extension, and its bytes (decompressed). */
export type RowSource = { name: string; open: () => AsyncIterable<Uint8Array> };

/** Renaming of columns: new name to the file's own. */
export type Columns = { [column: string]: string };

/** `prompt=question,completion=answer` to columns; throws SyntaxError for anything else. */
export function parseColumns(text: string): Columns {
  const columns: Columns = {};
  for (const part of text.split(',')) {
    const [column = '', source = '', ...rest] = part.split('=').map((side) => side.trim());
    if (column === '' || source === '' || rest.length > 0) {
      throw new SyntaxError(`Expected columns as prompt=question,completion=answer but found ${JSON.stringify(text)}`);
    }
    if (Object.hasOwn(columns, column))
      throw new SyntaxError(`Column ${column} is given twice in ${JSON.stringify(text)}`);
    columns[column] = source;
  }
  return columns;
}

/** Streams rows; the name's ending says .json, .csv or JSONL (before .gz). Throws with file and line where a row is no object, Error for a file without rows. */
export async function* readRows(source: RowSource, options: { columns?: Columns } = {}): AsyncGenerator<Row> {
  const ending = /\.([a-z0-9]+)(?:\.gz)?$/i.exec(source.name)?.[1]?.toLowerCase();
  if (ending === 'parquet') throw new RangeError(`${source.name}: .parquet is not read; convert it to .jsonl`);
  const rows =
    ending === 'csv' ? csvRows(source) : ending === 'json' ? jsonRows(source) : jsonLines(source.name, source.open());
  let count = 0;
  for await (const row of rows) {
    count++;
    yield options.columns === undefined ? row : { ...row, fields: renamed(row, options.columns) };
  }
  if (count === 0) throw new Error(`${source.name}: expected at least one row but the file has none`);
}

async function* jsonLines(name: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Row> {
  let index = -1;
  for await (const bytesOfLine of byteLines(name, bytes)) {
    index++;
    const place = `${name}, line ${index + 1}`;
    const text = decodeText(bytesOfLine, place);
    if (text.trim() === '') continue;
    yield { index, place, fields: fieldsOf(parsed(text, place), place) };
  }
}

/** A .json file holds a list of rows, or is JSONL under another name. */
async function* jsonRows(source: RowSource): AsyncGenerator<Row> {
  const text = await wholeText(source.name, source.open());
  if (!text.trimStart().startsWith('[')) {
    yield* jsonLines(source.name, source.open());
    return;
  }
  const list = parsed(text, source.name);
  if (!Array.isArray(list)) throw new SyntaxError(`${source.name}: expected a list of objects`);
  for (const [index, item] of list.entries()) {
    const place = `${source.name}, row ${index + 1}`;
    yield { index, place, fields: fieldsOf(item, place) };
  }
}

async function* csvRows(source: RowSource): AsyncGenerator<Row> {
  let header: string[] | undefined;
  let index = 0;
  for (const { line, cells } of csvRecords(await wholeText(source.name, source.open()), source.name)) {
    const place = `${source.name}, line ${line}`;
    if (header === undefined) {
      header = cells;
      continue;
    }
    if (cells.length !== header.length) {
      throw new SyntaxError(`${place}: expected ${header.length} cells as in the header but found ${cells.length}`);
    }
    yield { index: index++, place, fields: Object.fromEntries(header.map((column, i) => [column, cells[i] ?? ''])) };
  }
}

function parsed(text: string, place: string): Json {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new SyntaxError(
      `${place}: expected JSON but found: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

function fieldsOf(value: Json, place: string): RowFields {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value;
  const found = JSON.stringify(value);
  throw new TypeError(
    `${place}: expected an object but found ${found.length > 60 ? `${found.slice(0, 57)}...` : found}`,
  );
}

function renamed({ fields, place }: Row, columns: Columns): RowFields {
  const sources = new Set(Object.values(columns));
  const kept = Object.entries(fields).filter(([column]) => !sources.has(column) && !Object.hasOwn(columns, column));
  const moved = Object.entries(columns).map(([column, source]): [string, Json] => {
    const value = Object.hasOwn(fields, source) ? fields[source] : undefined;
    if (value === undefined) {
      throw new TypeError(
        `${place}: expected column ${JSON.stringify(source)} for ${column} but found ${Object.keys(fields).join(', ') || 'none'}`,
      );
    }
    return [column, value];
  });
  return Object.fromEntries([...kept, ...moved]);
}
