/** Rows of a Parquet file, one row group at a time. */
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { parquetReadAsync } from 'hyparquet/src/read.js';
import { assembleAsync, asyncGroupToRows } from 'hyparquet/src/rowgroup.js';
import type { ByteFile } from '../hub/byte-file.ts';
import { isRecord } from '../hub/json.ts';
import type { Json } from '../hub/python-text.ts';
import { decodeText, maxTextBytes } from './lines.ts';

const maxMetadataBytes = 256 << 20;
const maxGroupBytes = 4 * maxTextBytes;

function asyncBuffer(file: ByteFile): AsyncBuffer {
  return {
    byteLength: file.size,
    async slice(start, end = file.size) {
      if (start < 0 || end < start || end > file.size)
        throw new RangeError(`bytes ${start} to ${end} lie outside of the file`);
      const bytes = new Uint8Array(end - start);
      await file.readAt(start, bytes);
      return bytes.buffer;
    },
  };
}

const failed = (name: string, cause: unknown): Error =>
  new SyntaxError(
    `${name}: expected a Parquet file but found: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  );

async function metadataOf(file: ByteFile, buffer: AsyncBuffer): Promise<FileMetaData> {
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
    return await parquetMetadataAsync(buffer, { geoparquet: false });
  } catch (cause) {
    throw failed(name, cause);
  }
}

/** A cell as JSON has it. Fields of a struct that are null go, as Arrow gives each struct the fields of all. */
function jsonOf(value: unknown, place: string): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') {
    if (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) return Number(value);
    throw new RangeError(`${place}: expected an integer below 2^53 but found ${value}`);
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => jsonOf(item, place));
  if (ArrayBuffer.isView(value)) throw new TypeError(`${place}: expected text or numbers but found bytes`);
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

const never: AsyncBuffer['slice'] = () => new Promise(() => {});

/** The rows of one row group. The library starts all columns at once and, where it throws, leaves them behind unobserved: so what can throw early does so before anything is read, and every column is observed. */
async function groupRows(
  file: AsyncBuffer,
  metadata: FileMetaData,
  first: number,
  rows: number,
): Promise<Record<string, unknown>[]> {
  const place = `rows ${first + 1} to ${first + rows}`;
  const parsers = { stringFromBytes: (text: Uint8Array | undefined) => text && decodeText(text, place) };
  const options = { metadata, rowStart: first, rowEnd: first + rows, compressors: bounded, parsers };
  parquetReadAsync({ ...options, file: { ...file, slice: never } });
  const groups = parquetReadAsync({ ...options, file });
  await Promise.allSettled(groups.flatMap(({ asyncColumns }) => asyncColumns.map(({ data }) => data)));
  const read: Record<string, unknown>[] = [];
  for (const group of groups) {
    const assembled = assembleAsync(group, parquetSchema(metadata), parsers);
    await Promise.allSettled(assembled.asyncColumns.map(({ data }) => data));
    const start = Math.max(first - group.groupStart, 0);
    const end = Math.min(first + rows - group.groupStart, group.groupRows);
    for (const row of await asyncGroupToRows(assembled, start, end, undefined, 'object'))
      read.push(row as Record<string, unknown>);
  }
  return read;
}

/** Yields each row's fields with its number from 0. Columns of bytes (images, audio) are left out. SyntaxError for what is no Parquet, RangeError for a row group too large to hold. */
export async function* parquetRows(
  file: ByteFile,
): AsyncGenerator<{ row: number; fields: { [column: string]: Json } }> {
  const { name } = file;
  const buffer = asyncBuffer(file);
  const metadata = await metadataOf(file, buffer);
  let first = 0;
  for (const group of metadata.row_groups) {
    const [rows, bytes] = [Number(group.num_rows), Number(group.total_byte_size)];
    if (!Number.isSafeInteger(rows) || rows < 0) throw failed(name, new Error(`a row group of ${rows} rows`));
    if (bytes > maxGroupBytes)
      throw new RangeError(
        `${name}: a row group of ${bytes} bytes is more than ${maxGroupBytes}; write it with smaller row groups`,
      );
    const place = (row: number): string => `${name}, row ${first + row + 1}`;
    let read: Record<string, unknown>[];
    try {
      read = await groupRows(buffer, metadata, first, rows);
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
