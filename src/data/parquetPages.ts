/** The pages of a Parquet column, checked before they are decoded: the decoder trusts every count and length in them. */
import { decompressPage } from 'hyparquet/src/datapage.js';
import { parquetHeader, type readColumn } from 'hyparquet/src/column.js';
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { readRleBitPackedHybrid } from 'hyparquet/src/encoding.js';
import type { DataReader, Encoding, PageHeader } from 'hyparquet';
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from 'hyparquet/src/schema.js';
import { describe } from '../ir/errors.ts';
import { checkThrift } from './parquetThrift.ts';

/** What the decoder knows of a column. */
export type ColumnDecoder = Parameters<typeof readColumn>[2];

export interface PageSizes {
  readonly values: number;
  /** Of all pages, unpacked. */
  readonly bytes: number;
}

export interface CheckedPages extends PageSizes {
  /** Unpacked pages in the order in which the decoder asks for them; those that are not packed are not among them. */
  readonly unpacked: readonly Uint8Array[];
}

/** Widest run of bit-packed values past the last one; writers fill up groups of eight. */
const maxPadding = 1024;

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

function size(value: unknown, most: number, what: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new RangeError(`${what} of ${describe(value)} where at most ${most} can be`);
}

function varint(reader: DataReader): number {
  let result = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = reader.view.getUint8(reader.offset++);
    result += (byte & 127) * 2 ** shift;
    if (byte < 128) return result;
  }
  throw new RangeError('a number of more than five bytes');
}

/** Runs of repeated and bit-packed values: as many as there should be, none longer. */
function checkRuns(reader: DataReader, width: number, count: number): void {
  size(width, 32, 'values with a width');
  for (let seen = 0; seen < count;) {
    const header = varint(reader);
    const length = Math.floor(header / 2);
    if (header % 2 === 0) {
      seen += size(length, count - seen, 'a run');
      reader.offset += Math.ceil(width / 8);
    } else {
      if (length === 0) throw new RangeError('a run of no values');
      seen += size(8 * length, count - seen + maxPadding, 'a run');
      reader.offset += length * width;
    }
  }
}

const widthOf = (level: number): number => 32 - Math.clz32(level);

/** Levels up to `most` with the length of their runs before them; how many are `most`. */
function checkLevels(reader: DataReader, most: number, count: number): number {
  if (most === 0) return count;
  const length = reader.view.getUint32(reader.offset, true);
  const start = reader.offset + 4;
  const end = start + size(length, reader.view.byteLength - start, 'levels with a length');
  const width = widthOf(most);
  checkRuns({ view: reader.view, offset: start }, width, count);
  const levels = new Int32Array(count);
  readRleBitPackedHybrid(reader, width, levels);
  reader.offset = end;
  let full = 0;
  for (let i = 0; i < count; i++) if (size(levels[i], most, 'a level') === most) full++;
  return full;
}

/** Reads a block of deltas, whose header is checked first. */
function deltas(reader: DataReader, count: number): Int32Array {
  const ahead = { view: reader.view, offset: reader.offset };
  const block = varint(ahead);
  const minis = varint(ahead);
  if (minis < 1 || minis > 1024 || block < minis || block > 1 << 20 || block % minis !== 0)
    throw new RangeError(`blocks of ${block} deltas in ${minis} parts`);
  const values = new Int32Array(count);
  if (count > 0) deltaBinaryUnpack(reader, count, values);
  return values;
}

function checkDeltas(reader: DataReader, encoding: Encoding, count: number, most: number): void {
  const { offset } = reader;
  // The first look at numbers and lengths is for their headers; the decoder wraps wide numbers by itself.
  if (encoding === 'DELTA_BINARY_PACKED' || encoding === 'DELTA_LENGTH_BYTE_ARRAY') {
    deltas({ view: reader.view, offset }, Math.min(count, 1));
    return;
  }
  const prefixes = deltas(reader, count);
  const suffixes = deltas(reader, count);
  let [before, all] = [0, 0];
  for (let i = 0; i < count; i++) {
    const prefix = size(prefixes[i], before, 'a prefix');
    before = prefix + size(suffixes[i], reader.view.byteLength, 'a suffix');
    all = size(all + before, most, 'texts with a length');
  }
}

function checkValues(
  view: DataView,
  offset: number,
  encoding: Encoding,
  count: number,
  { type, element }: ColumnDecoder,
  most: number,
  version: 1 | 2,
): void {
  const reader = { view, offset };
  const fixed = type === 'FIXED_LEN_BYTE_ARRAY' ? size(element.type_length, 1 << 20, 'values with a length') : 1;
  switch (encoding) {
    case 'PLAIN':
    case 'BYTE_STREAM_SPLIT':
      size(count * fixed, 8 * view.byteLength, 'values with a count');
      return;
    case 'RLE':
    case 'PLAIN_DICTIONARY':
    case 'RLE_DICTIONARY':
      // As the decoder reads them: booleans have the length of their runs before them, all others their width.
      if (version === 2 ? encoding === 'RLE' : type === 'BOOLEAN') checkLevels(reader, 1, count);
      else {
        const width = view.getUint8(reader.offset++);
        if (version === 2 || width > 0) checkRuns(reader, width, count);
      }
      return;
    case 'DELTA_BINARY_PACKED':
    case 'DELTA_LENGTH_BYTE_ARRAY':
    case 'DELTA_BYTE_ARRAY':
      checkDeltas(reader, encoding, count, most);
      return;
    case 'BIT_PACKED':
    case 'GROUP_VAR_INT':
    case 'ALP':
    default:
      throw new RangeError(`the encoding ${encoding}, which is not read`);
  }
}

/** Checks the pages of one column chunk from its start to its end. RangeError or Error that says what is wrong with them. */
export function checkedPages(chunk: Uint8Array, decoder: ColumnDecoder, limits: PageSizes): CheckedPages {
  const { schemaPath, codec, compressors } = decoder;
  const [repetition, definition] = [getMaxRepetitionLevel(schemaPath), getMaxDefinitionLevel(schemaPath)];
  const reader = { view: viewOf(chunk), offset: 0 };
  const unpacked: Uint8Array[] = [];
  let [values, bytes] = [0, 0];

  const unpack = (packed: Uint8Array, length: number, isPacked: boolean): Uint8Array => {
    bytes = size(bytes + length, limits.bytes, 'pages with a length');
    if (!isPacked || codec === 'UNCOMPRESSED') {
      size(packed.byteLength, limits.bytes, 'a page with a length');
      return packed;
    }
    const page = decompressPage(packed, length, codec, compressors);
    unpacked.push(page);
    return page;
  };

  const checkPage = (header: PageHeader, packed: Uint8Array): void => {
    const length = size(header.uncompressed_page_size, limits.bytes, 'a page with a length');
    const count = (given: unknown): number => {
      values = size(values + size(given, limits.values, 'a page with values'), limits.values, 'pages with values');
      return Number(given);
    };
    if (header.type === 'DICTIONARY_PAGE') {
      const entries = header.dictionary_page_header?.num_values;
      const view = viewOf(unpack(packed, length, true));
      checkValues(
        view,
        0,
        'PLAIN',
        size(entries, limits.values, 'a dictionary with entries'),
        decoder,
        limits.bytes,
        1,
      );
    } else if (header.type === 'DATA_PAGE' && header.data_page_header) {
      const { num_values: given, encoding } = header.data_page_header;
      const total = count(given);
      const page = { view: viewOf(unpack(packed, length, true)), offset: 0 };
      if (schemaPath.length > 1) checkLevels(page, repetition, total);
      const present = checkLevels(page, definition, total);
      checkValues(page.view, page.offset, encoding, present, decoder, limits.bytes, 1);
    } else if (header.type === 'DATA_PAGE_V2' && header.data_page_header_v2) {
      const v2 = header.data_page_header_v2;
      const total = count(v2.num_values);
      size(v2.num_rows, limits.values, 'a page with rows');
      const nulls = size(v2.num_nulls, total, 'a page with nulls');
      const first = size(v2.repetition_levels_byte_length, packed.byteLength, 'levels with a length');
      const second = size(v2.definition_levels_byte_length, packed.byteLength - first, 'levels with a length');
      const view = viewOf(packed);
      if (repetition > 0) checkRuns({ view, offset: 0 }, widthOf(repetition), total);
      if (definition > 0) checkRuns({ view, offset: first }, widthOf(definition), total);
      const rest = size(length - first - second, limits.bytes, 'a page with a length');
      // The decoder starts after the definition levels wherever their runs end.
      const page = unpack(packed.subarray(first + second), rest, v2.is_compressed !== false && rest > 0);
      checkValues(viewOf(page), 0, v2.encoding, total - nulls, decoder, limits.bytes, 2);
    } else throw new RangeError(`a page of type ${header.type}`);
  };

  while (reader.offset < chunk.byteLength - 1) {
    checkThrift(reader.view, reader.offset);
    const header = parquetHeader(reader);
    const packed = size(header.compressed_page_size, chunk.byteLength - reader.offset, 'a page with a length');
    checkPage(header, chunk.subarray(reader.offset, reader.offset + packed));
    reader.offset += packed;
  }
  return { unpacked, values, bytes };
}
