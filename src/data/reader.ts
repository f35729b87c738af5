/** Rows of a data set's file, one by one, with their place in it. */
import type { ByteFile } from '../hub/byte-file.ts';
import { type Json, parseJson } from '../hub/python-text.ts';
import { reasonOf } from '../ir/errors.ts';
import { csvRecords } from './csv.ts';
import { jsonItems } from './jsonItems.ts';
import { byteLines, decodeText, maxTextBytes, textPieces } from './lines.ts';
import { parquetRows } from './parquet.ts';

export type RowFields = { [column: string]: Json };

/**
 * `index` is the 0-based number of the input line (JSONL) or record; `place` names file and line for errors; `readFile` reads what
 * a row of a file names below that file's folder.
 */
export type Row = {
  index: number;
  place: string;
  fields: RowFields;
  readFile?: (name: string) => Promise<Uint8Array>;
};

/** Where rows come from: a name with the file's extension, its bytes (decompressed), and the file itself for formats that are read from their end. */
export type RowSource = { name: string; open: () => AsyncIterable<Uint8Array>; openFile?: () => Promise<ByteFile> };

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

/** Endings of files that hold rows; text ones may be followed by .gz. */
export const rowEndings = ['jsonl', 'ndjson', 'json', 'csv', 'tsv', 'parquet'] as const;

type Ending = (typeof rowEndings)[number];
type Reader = (source: RowSource) => AsyncGenerator<Row>;

const readers: { readonly [E in Ending]: Reader } = {
  jsonl: (source) => jsonLines(source),
  ndjson: (source) => jsonLines(source),
  json: (source) => jsonRows(source),
  csv: (source) => csvRows(source, ','),
  tsv: (source) => csvRows(source, '\t'),
  parquet: (source) => parquetSource(source),
};

const endingOf = (name: string): Ending | undefined => {
  const ending = /\.([a-z0-9]+)(?:\.gz)?$/i.exec(name)?.[1]?.toLowerCase();
  return rowEndings.find((each) => each === ending);
};

/** Whether a file's name says that it holds rows. */
export const holdsRows = (name: string): boolean => endingOf(name) !== undefined && !/\.parquet\.gz$/i.test(name);

/** Streams rows; the name's ending says which format, and any other is read as JSONL. Throws with file and line where a row is no object, Error for a file without rows. */
export async function* readRows(source: RowSource, options: { columns?: Columns } = {}): AsyncGenerator<Row> {
  let count = 0;
  for await (const row of readers[endingOf(source.name) ?? 'jsonl'](source)) {
    count++;
    yield options.columns === undefined ? row : { ...row, fields: renamed(row, options.columns) };
  }
  if (count === 0) throw new Error(`${source.name}: expected at least one row but the file has none`);
}

async function* jsonLines({ name, open }: RowSource): AsyncGenerator<Row> {
  let index = -1;
  for await (const bytesOfLine of byteLines(name, open())) {
    index++;
    const place = `${name}, line ${index + 1}`;
    const text = decodeText(bytesOfLine, place);
    if (text.trim() === '') continue;
    yield { index, place, fields: fieldsOf(parsed(text, place), place) };
  }
}

/** Whether the first byte that is no space, after a byte-order mark, opens a list. */
async function beginsWithList(bytes: AsyncIterable<Uint8Array>): Promise<boolean> {
  for await (const chunk of bytes) {
    const first = chunk.find((byte) => byte > 32 && ![0xef, 0xbb, 0xbf].includes(byte));
    if (first !== undefined) return first === 91;
  }
  return false;
}

/** A .json file holds a list of rows, or is JSONL under another name. */
async function* jsonRows(source: RowSource): AsyncGenerator<Row> {
  if (!(await beginsWithList(source.open()))) {
    yield* jsonLines(source);
    return;
  }
  let index = 0;
  for await (const item of jsonItems(source.name, source.open(), maxTextBytes)) {
    const place = `${source.name}, row ${index + 1}`;
    yield { index: index++, place, fields: fieldsOf(parsed(decodeText(item, place), place), place) };
  }
}

async function* csvRows({ name, open }: RowSource, separator: string): AsyncGenerator<Row> {
  let header: string[] | undefined;
  let index = 0;
  for await (const { line, cells } of csvRecords(textPieces(name, open()), name, {
    separator,
    maxChars: maxTextBytes,
  })) {
    const place = `${name}, line ${line}`;
    if (header === undefined) {
      header = cells;
      const twice = header.find((column, i) => cells.indexOf(column) !== i);
      if (twice !== undefined)
        throw new SyntaxError(`${place}: column ${JSON.stringify(twice)} stands twice in the header`);
      continue;
    }
    if (cells.length !== header.length) {
      throw new SyntaxError(`${place}: expected ${header.length} cells as in the header but found ${cells.length}`);
    }
    yield { index: index++, place, fields: Object.fromEntries(header.map((column, i) => [column, cells[i] ?? ''])) };
  }
}

async function* parquetSource({ name, openFile }: RowSource): AsyncGenerator<Row> {
  if (openFile === undefined) throw new TypeError(`${name}: expected a file to read Parquet from`);
  const file = await openFile();
  try {
    for await (const { row, fields } of parquetRows(file))
      yield { index: row, place: `${name}, row ${row + 1}`, fields };
  } finally {
    await file.close();
  }
}

function parsed(text: string, place: string): Json {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new SyntaxError(`${place}: expected JSON but found: ${reasonOf(cause, 'none')}`, { cause });
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
