/** A metadata value; integers past 2^53 are bigints, numeric arrays typed. */
export type GgufValue = GgufScalar | GgufArray;
export type GgufScalar = number | bigint | boolean | string;
export type GgufArray =
  | readonly string[]
  | readonly boolean[]
  | readonly GgufArray[]
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** Reads a GGUF header from the first bytes of a file; every count is checked against the file's size before it is used. */
export interface GgufCursor {
  readonly name: string;
  position(): number;
  uint32(): number;
  /** A 64-bit count or size, below 2^53. */
  size(): number;
  /** A 64-bit count of things that each take at least `minBytes` of what is left of the file. */
  count(minBytes: number, what: string): number;
  string(): string;
  /** A type number and the value of that type. */
  value(key: string): GgufValue;
}

const needMore = new RangeError('The bytes read so far end inside the header');

/** Whether an error means only that the file goes on past the bytes that the cursor was given. */
export function isNeedMore(error: unknown): boolean {
  return error === needMore;
}

const maxArrayDepth = 4;
const stringType = 8;
const arrayType = 9;
const boolType = 7;

const numeric: Readonly<
  Record<number, { readonly bytes: number; readonly array: (buffer: ArrayBuffer) => GgufArray }>
> = {
  0: { bytes: 1, array: (buffer) => new Uint8Array(buffer) },
  1: { bytes: 1, array: (buffer) => new Int8Array(buffer) },
  2: { bytes: 2, array: (buffer) => new Uint16Array(buffer) },
  3: { bytes: 2, array: (buffer) => new Int16Array(buffer) },
  4: { bytes: 4, array: (buffer) => new Uint32Array(buffer) },
  5: { bytes: 4, array: (buffer) => new Int32Array(buffer) },
  6: { bytes: 4, array: (buffer) => new Float32Array(buffer) },
  10: { bytes: 8, array: (buffer) => new BigUint64Array(buffer) },
  11: { bytes: 8, array: (buffer) => new BigInt64Array(buffer) },
  12: { bytes: 8, array: (buffer) => new Float64Array(buffer) },
};

const narrowed = (value: bigint): number | bigint => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};

/** A cursor at the start of `bytes`, the beginning of a file of `fileSize` bytes. */
export function ggufCursor(name: string, fileSize: number, bytes: Uint8Array<ArrayBuffer>): GgufCursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let at = 0;

  function take(length: number): number {
    const start = at;
    if (start + length > fileSize) {
      throw new RangeError(`${name}: expected ${length} bytes of header at ${start} but the file ends at ${fileSize}`);
    }
    if (start + length > bytes.byteLength) throw needMore;
    at += length;
    return start;
  }

  const uint32 = (): number => view.getUint32(take(4), true);

  function size(): number {
    const start = take(8);
    const value = view.getUint32(start, true) + view.getUint32(start + 4, true) * 2 ** 32;
    if (!Number.isSafeInteger(value)) throw new RangeError(`${name}: expected a size at ${start} but found ${value}`);
    return value;
  }

  function count(minBytes: number, what: string): number {
    const found = size();
    const most = Math.floor((fileSize - at) / minBytes);
    if (found > most) throw new RangeError(`${name}: expected at most ${most} ${what} but found a count of ${found}`);
    return found;
  }

  function string(): string {
    const length = count(1, 'bytes of text');
    const start = take(length);
    try {
      return utf8.decode(bytes.subarray(start, start + length));
    } catch (cause) {
      throw new SyntaxError(`${name}: expected UTF-8 text at ${start}`, { cause });
    }
  }

  const unknownType = (key: string, type: number): TypeError =>
    new TypeError(`${name}: ${key}: expected a value type 0 to 12 but found ${type}`);

  function bool(): boolean {
    const start = take(1);
    const value = view.getUint8(start);
    if (value > 1) throw new SyntaxError(`${name}: expected a boolean at ${start} but found ${value}`);
    return value === 1;
  }

  function array(key: string, depth: number): GgufArray {
    const type = uint32();
    if (type === stringType) {
      const strings: string[] = [];
      for (let left = count(8, `strings in ${key}`); left > 0; left--) strings.push(string());
      return strings;
    }
    if (type === boolType) {
      const flags: boolean[] = [];
      for (let left = count(1, `flags in ${key}`); left > 0; left--) flags.push(bool());
      return flags;
    }
    if (type === arrayType) {
      if (depth >= maxArrayDepth)
        throw new RangeError(`${name}: ${key}: expected arrays at most ${maxArrayDepth} deep`);
      const arrays: GgufArray[] = [];
      for (let left = count(12, `arrays in ${key}`); left > 0; left--) arrays.push(array(key, depth + 1));
      return arrays;
    }
    const elements = numeric[type];
    if (elements === undefined) throw unknownType(key, type);
    const length = count(elements.bytes, `elements in ${key}`) * elements.bytes;
    const start = bytes.byteOffset + take(length);
    return elements.array(bytes.buffer.slice(start, start + length));
  }

  function value(key: string): GgufValue {
    const type = uint32();
    switch (type) {
      case 0:
        return view.getUint8(take(1));
      case 1:
        return view.getInt8(take(1));
      case 2:
        return view.getUint16(take(2), true);
      case 3:
        return view.getInt16(take(2), true);
      case 4:
        return uint32();
      case 5:
        return view.getInt32(take(4), true);
      case 6:
        return view.getFloat32(take(4), true);
      case boolType:
        return bool();
      case stringType:
        return string();
      case arrayType:
        return array(key, 1);
      case 10:
        return narrowed(view.getBigUint64(take(8), true));
      case 11:
        return narrowed(view.getBigInt64(take(8), true));
      case 12:
        return view.getFloat64(take(8), true);
      default:
        throw unknownType(key, type);
    }
  }

  return { name, position: () => at, uint32, size, count, string, value };
}
