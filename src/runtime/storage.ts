/** How a weight's elements are stored: floats, or GGML's blocks of 32 elements with a scale. */
export type WeightStorage = 'f32' | 'f16' | 'bf16' | 'q8_0' | 'q4_0' | 'q4_1';

/** Element types that files may hold beside weights; readable as bytes only. */
export type PlainStorage = 'f64' | 'i64' | 'i32' | 'i16' | 'i8' | 'u64' | 'u32' | 'u16' | 'u8' | 'bool';

export type StorageType = WeightStorage | PlainStorage;

type Layout = { readonly blockElements: number; readonly blockBytes: number };

const plain = (blockBytes: number): Layout => ({ blockElements: 1, blockBytes });
const blocks = (blockBytes: number): Layout => ({ blockElements: 32, blockBytes });

const layouts: { readonly [S in StorageType]: Layout } = {
  f32: plain(4),
  f16: plain(2),
  bf16: plain(2),
  q8_0: blocks(34),
  q4_0: blocks(18),
  q4_1: blocks(20),
  f64: plain(8),
  i64: plain(8),
  i32: plain(4),
  i16: plain(2),
  i8: plain(1),
  u64: plain(8),
  u32: plain(4),
  u16: plain(2),
  u8: plain(1),
  bool: plain(1),
};

const weightStorages: readonly string[] = ['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_1'] satisfies WeightStorage[];

export function isWeightStorage(storage: StorageType): storage is WeightStorage {
  return weightStorages.includes(storage);
}

/** Elements per block: 32 for the quantised types, else 1. */
export function blockElementsOf(storage: StorageType): number {
  return layouts[storage].blockElements;
}

/** Bytes per block, which for plain types is per element. */
export function blockBytesOf(storage: StorageType): number {
  return layouts[storage].blockBytes;
}

/** Bytes that `elementCount` elements take. RangeError unless they are a whole number of blocks. */
export function bytesOf(storage: StorageType, elementCount: number): number {
  const { blockElements, blockBytes } = layouts[storage];
  const count = elementCount / blockElements;
  if (!Number.isInteger(count) || count < 0) {
    throw new RangeError(`Expected a multiple of ${blockElements} elements for ${storage} but found ${elementCount}`);
  }
  return count * blockBytes;
}

/** Elements that `byteLength` bytes hold. RangeError unless they are a whole number of blocks. */
export function elementsIn(storage: StorageType, byteLength: number): number {
  const { blockElements, blockBytes } = layouts[storage];
  const count = byteLength / blockBytes;
  if (!Number.isInteger(count)) {
    throw new RangeError(`Expected a multiple of ${blockBytes} bytes for ${storage} but found ${byteLength}`);
  }
  return count * blockElements;
}

function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const floatOfHalf = Float32Array.from({ length: 65536 }, (_, half) => halfToFloat(half));

const aligned = (bytes: Uint8Array, width: number): Uint8Array =>
  bytes.byteOffset % width === 0 ? bytes : bytes.slice();

function uint16View(bytes: Uint8Array): Uint16Array {
  const source = aligned(bytes, 2);
  return new Uint16Array(source.buffer, source.byteOffset, source.byteLength / 2);
}

function widenF32(bytes: Uint8Array, out: Float32Array): void {
  new Uint8Array(out.buffer, out.byteOffset, bytes.byteLength).set(bytes);
}

function widenF16(bytes: Uint8Array, out: Float32Array): void {
  const halves = uint16View(bytes);
  for (let i = 0; i < halves.length; i++) out[i] = floatOfHalf[halves[i] as number] as number;
}

function widenBf16(bytes: Uint8Array, out: Float32Array): void {
  const upper = uint16View(bytes);
  const bits = new Uint32Array(out.buffer, out.byteOffset, upper.length);
  for (let i = 0; i < upper.length; i++) bits[i] = (upper[i] as number) << 16;
}

// The indexing below is in bounds by widenToF32's check; `as number` is for the compiler alone.
const halfAt = (bytes: Uint8Array, at: number): number =>
  floatOfHalf[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;

function widenQ8(bytes: Uint8Array, out: Float32Array): void {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0, to = 0; at < bytes.length; at += 34, to += 32) {
    const scale = halfAt(bytes, at);
    for (let i = 0; i < 32; i++) out[to + i] = (signed[at + 2 + i] as number) * scale;
  }
}

/** Elements 0…15 are the low nibbles, 16…31 the high ones. */
function widenQ4(bytes: Uint8Array, out: Float32Array, withMinimum: boolean): void {
  const head = withMinimum ? 4 : 2;
  const middle = withMinimum ? 0 : 8;
  for (let at = 0, to = 0; at < bytes.length; at += head + 16, to += 32) {
    const scale = halfAt(bytes, at);
    // Adding -0 keeps the sign of a zero, as the reference does.
    const minimum = withMinimum ? halfAt(bytes, at + 2) : -0;
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + head + i] as number;
      out[to + i] = ((pair & 15) - middle) * scale + minimum;
      out[to + 16 + i] = ((pair >> 4) - middle) * scale + minimum;
    }
  }
}

/** Widens stored elements to f32 exactly; blocks are scale·q (q8_0), scale·(q - 8) (q4_0), scale·q + minimum (q4_1). `out` must hold just these elements. */
export function widenToF32(storage: StorageType, bytes: Uint8Array, out: Float32Array): void {
  if (!isWeightStorage(storage)) throw new TypeError(`Expected weights in floats or blocks but found ${storage}`);
  const count = elementsIn(storage, bytes.byteLength);
  if (out.length !== count) throw new RangeError(`Expected room for ${count} elements but found ${out.length}`);
  switch (storage) {
    case 'f32':
      return widenF32(bytes, out);
    case 'f16':
      return widenF16(bytes, out);
    case 'bf16':
      return widenBf16(bytes, out);
    case 'q8_0':
      return widenQ8(bytes, out);
    case 'q4_0':
      return widenQ4(bytes, out, false);
    case 'q4_1':
      return widenQ4(bytes, out, true);
  }
}

/** f32 bits to f16 bits, round to nearest even; NaN becomes the quiet 0x7e00. */
function halfOfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rebiased = magnitude - 0x38000000;
    return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
  }
  if (magnitude < 0x33000000) return sign;
  const shift = 126 - (magnitude >>> 23);
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const kept = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept);
}

/** f32 bits to bf16 bits, round to nearest even; NaN becomes 0x7fc0 as in torch. */
function bf16OfBits(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** Narrows f32 values into bytes of a float type, round to nearest even as torch; TypeError for other types. */
export function narrowFromF32(storage: StorageType, values: Float32Array, out: Uint8Array): void {
  if (storage !== 'f32' && storage !== 'f16' && storage !== 'bf16') {
    throw new TypeError(`Expected f32, f16 or bf16 to write but found ${storage}`);
  }
  const size = bytesOf(storage, values.length);
  if (out.byteLength !== size) throw new RangeError(`Expected room for ${size} bytes but found ${out.byteLength}`);
  if (storage === 'f32') {
    out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return;
  }
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const inPlace = out.byteOffset % 2 === 0;
  const narrow = inPlace ? new Uint16Array(out.buffer, out.byteOffset, values.length) : new Uint16Array(values.length);
  if (storage === 'f16') for (let i = 0; i < narrow.length; i++) narrow[i] = halfOfBits(bits[i] as number);
  else for (let i = 0; i < narrow.length; i++) narrow[i] = bf16OfBits(bits[i] as number);
  if (!inPlace) out.set(new Uint8Array(narrow.buffer));
}
