/** Rows of a Parquet file, one row group at a time. */
import { type FileMetaData, parquetMetadata, parquetSchema, type RowGroup, type SchemaTree } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { readColumn } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { assembleAsync, asyncGroupToRows } from 'hyparquet/src/rowgroup.js';
import { getMaxRepetitionLevel, getTreePath } from 'hyparquet/src/schema.js';
import { type ByteFile, readRange } from '../hub/byte-file.ts';
import { isRecord } from '../hub/json.ts';
import { reasonOf } from '../ir/errors.ts';
import type { Json } from '../hub/python-text.ts';
import { decodeText, maxTextBytes } from './lines.ts';
import { checkedPages, type ColumnDecoder, type PageSizes } from './parquetPages.ts';
import { checkThrift } from './parquetThrift.ts';

const maxMetadataBytes = 256 << 20;
const maxGroupBytes = 4 * maxTextBytes;

/** Cells of a row group, those of lists counted each. */
const maxGroupValues = 1 << 26;

const failed = (name: string, cause: unknown): Error =>
  new SyntaxError(
    `${name}: expected a Parquet file but found: ${reasonOf(cause, 'a field of another kind or length')}`,
    { cause },
  );

async function metadataOf(file: ByteFile): Promise<FileMetaData> {
  const { name, size } = file;
  if (size < 12) throw failed(name, new Error(`${size} bytes`));
  const ends = new Uint8Array(8);
  await file.readAt(size - 8, ends);
  const length = new DataView(ends.buffer).getUint32(0, true);
  const magic = String.fromCharCode(...ends.subarray(4));
  if (magic === 'PARE') throw new RangeError(`${name}: the Parquet file is encrypted, which is not read`);
  if (magic !== 'PAR1') throw failed(name, new Error('no PAR1 at its end'));
  if (length > size - 12 || length > maxMetadataBytes) throw failed(name, new Error(`a footer of ${length} bytes`));
  try {
    const footer = await readRange(file, size - 8 - length, length + 8);
    checkThrift(new DataView(footer.buffer, 0, length), 0);
    return parquetMetadata(footer, { geoparquet: false });
  } catch (cause) {
    throw failed(name, cause);
  }
}

function base64(bytes: Uint8Array): string {
  let text = '';
  // In pieces, as a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** Text where bytes are UTF-8, else the bytes. */
function textOrBytes(bytes: Uint8Array | undefined): string | Uint8Array | undefined {
  try {
    return bytes && decodeText(bytes, '');
  } catch {
    return bytes;
  }
}

/** A cell as JSON has it, bytes in base64. Fields of a struct that are null go, as Arrow gives each struct the fields of all. */
function jsonOf(value: unknown, place: string): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') {
    if (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) return Number(value);
    throw new RangeError(`${place}: expected an integer below 2^53 but found ${value}`);
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => jsonOf(item, place));
  if (value instanceof Uint8Array) return base64(value);
  if (!isRecord(value)) throw new TypeError(`${place}: expected text or numbers but found ${typeof value}`);
  return structOf(value, place);
}

function structOf(value: Record<string, unknown>, place: string): { [key: string]: Json } {
  const present = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(present.map(([key, field]) => [key, jsonOf(field, `${place}.${key}`)]));
}

/** A page says how long it is unpacked; more than a row group may have is a broken or hostile file. */
const bounded = Object.fromEntries(
  Object.entries(compressors).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, length: number): Uint8Array => {
      if (length > maxGroupBytes) throw new RangeError(`a page of ${length} bytes`);
      return decompress(input, length);
    },
  ]),
);

/** A column's values, its pages checked before they are decoded. */
function columnOf(
  chunk: Uint8Array,
  decoder: ColumnDecoder,
  rows: number,
  budget: PageSizes,
): { read: Column; used: PageSizes } {
  const checked = checkedPages(chunk, { ...decoder, compressors: bounded }, budget);
  const pages = checked.unpacked.values();
  // What was unpacked for the checks is what the decoder gets.
  const unpacked = Object.fromEntries(
    Object.keys(bounded).map((codec) => [codec, (): Uint8Array => pages.next().value ?? new Uint8Array(0)]),
  );
  const reader = { view: new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength), offset: 0 };
  const read = readColumn(
    reader,
    { groupStart: 0, groupRows: rows, selectStart: 0, selectEnd: rows },
    { ...decoder, compressors: unpacked },
  );
  return { read, used: checked };
}

type Column = ReturnType<typeof readColumn>;

/** The rows of one row group. */
async function groupRows(
  file: ByteFile,
  schema: SchemaTree,
  { columns }: RowGroup,
  rows: number,
  place: string,
): Promise<Record<string, unknown>[]> {
  const textOf = (text: Uint8Array | undefined): string | undefined => text && decodeText(text, place);
  const parsers = { ...DEFAULT_PARSERS, stringFromBytes: textOf };
  let left: PageSizes = { values: maxGroupValues, bytes: maxGroupBytes };
  const asyncColumns: { pathInSchema: string[]; data: Promise<Column> }[] = [];
  for (const { meta_data: meta, file_path: elsewhere } of columns) {
    if (elsewhere !== undefined || meta === undefined) throw new Error('a column that lies in another file');
    const schemaPath = getTreePath(schema, meta.path_in_schema);
    const { element } = schemaPath.at(-1) ?? schema;
    if (element.converted_type === 'DECIMAL' && (element.type === 'BYTE_ARRAY' || (element.type_length ?? 0) > 32))
      throw new Error(`decimals of more than 32 bytes in ${element.name}`);
    const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
    const length = Number(meta.total_compressed_size);
    if (
      !Number.isSafeInteger(start) ||
      !Number.isSafeInteger(length) ||
      start < 0 ||
      length < 0 ||
      length > maxGroupBytes
    )
      throw new RangeError(`a column of ${length} bytes at ${start}`);
    const chunk = await readRange(file, start, length);
    // Old writers say of no column that it is text.
    const isText = element.converted_type === 'UTF8' || element.logical_type?.type === 'STRING';
    const own = isText ? parsers : { ...parsers, stringFromBytes: textOrBytes };
    const decoder = { ...meta, pathInSchema: meta.path_in_schema, element, schemaPath, parsers: own };
    const counted = Number(meta.num_values);
    if (!(counted >= 0) || (getMaxRepetitionLevel(schemaPath) === 0 && counted !== rows))
      throw new RangeError(`${counted} values in ${rows} rows of ${meta.path_in_schema.join('.')}`);
    // Some writers count unpacked bytes loosely, few so short a column.
    const unpacked = Math.max(Number(meta.total_uncompressed_size) || 0, 1 << 20);
    const budget = { values: Math.min(left.values, counted), bytes: Math.min(left.bytes, unpacked) };
    const { read, used } = columnOf(chunk, decoder, rows, budget);
    left = { values: left.values - used.values, bytes: left.bytes - used.bytes };
    asyncColumns.push({ pathInSchema: meta.path_in_schema, data: Promise.resolve(read) });
  }
  const group = { groupStart: 0, groupRows: rows, selectStart: 0, selectEnd: rows, asyncColumns };
  const assembled = assembleAsync(group, schema, parsers);
  // Its columns may fail where nobody waits for them, which would end the process.
  await Promise.allSettled(assembled.asyncColumns.map(({ data }) => data));
  return asyncGroupToRows(assembled, 0, rows, undefined, 'object');
}

/** Yields each row's fields with its number from 0. Columns of bytes (images, audio) are left out. SyntaxError for what is no Parquet, RangeError for a row group too large to hold. */
export async function* parquetRows(
  file: ByteFile,
): AsyncGenerator<{ row: number; fields: { [column: string]: Json } }> {
  const { name } = file;
  const metadata = await metadataOf(file);
  let schema: SchemaTree;
  try {
    schema = parquetSchema(metadata);
  } catch (cause) {
    throw failed(name, cause);
  }
  let first = 0;
  for (const group of metadata.row_groups) {
    const [rows, bytes] = [Number(group.num_rows), Number(group.total_byte_size)];
    if (!Number.isSafeInteger(rows) || rows < 0 || rows > maxGroupValues)
      throw failed(name, new Error(`a row group of ${rows} rows`));
    if (bytes > maxGroupBytes)
      throw new RangeError(
        `${name}: a row group of ${bytes} bytes is more than ${maxGroupBytes}; write it with smaller row groups`,
      );
    const place = (row: number): string => `${name}, row ${first + row + 1}`;
    let read: Record<string, unknown>[];
    try {
      read = await groupRows(file, schema, group, rows, `rows ${first + 1} to ${first + rows}`);
    } catch (cause) {
      throw failed(name, cause);
    }
    if (read.length !== rows) throw failed(name, new Error(`${read.length} of ${rows} rows`));
    for (const [row, values] of read.entries()) {
      const columns = Object.entries(values).filter(([, value]) => !ArrayBuffer.isView(value));
      yield {
        row: first + row,
        fields: Object.fromEntries(
          columns.map(([column, value]) => [column, jsonOf(value, `${place(row)}: ${column}`)]),
        ),
      };
    }
    first += rows;
  }
}
