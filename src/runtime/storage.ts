import { type BlockType, blockTypes, widenBlocks } from './blocks.ts';
import { floatOfHalf } from './half.ts';

/** How a weight's elements are stored: floats, or GGML's blocks with their scales. */
export type WeightStorage = 'f32' | 'f16' | 'bf16' | BlockType;

/** Element types that files may hold beside weights; readable as bytes only. */
export type PlainStorage = 'f64' | 'i64' | 'i32' | 'i16' | 'i8' | 'u64' | 'u32' | 'u16' | 'u8' | 'bool';

export type StorageType = WeightStorage | PlainStorage;

type Layout = { readonly blockElements: number; readonly blockBytes: number };

const plain = (blockBytes: number): Layout => ({ blockElements: 1, blockBytes });

const layouts: { readonly [S in StorageType]: Layout } = {
  f32: plain(4),
  f16: plain(2),
  bf16: plain(2),
  ...blockTypes,
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

const weightStorages: ReadonlySet<string> = new Set(['f32', 'f16', 'bf16', ...Object.keys(blockTypes)]);

export function isWeightStorage(storage: StorageType): storage is WeightStorage {
  return weightStorages.has(storage);
}

/** Elements per block: 32 or 256 for the quantised types, else 1. */
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

/** Widens stored elements to f32 exactly. `out` must hold just these elements. */
export function widenToF32(storage: StorageType, bytes: Uint8Array, out: Float32Array): void {
  if (!isWeightStorage(storage)) throw new TypeError(`Expected weights in floats or blocks but found ${storage}`);
  const count = elementsIn(storage, bytes.byteLength);
  if (out.length !== count) throw new RangeError(`Expected room for ${count} elements but found ${out.length}`);
  if (storage === 'f32') widenF32(bytes, out);
  else if (storage === 'f16') widenF16(bytes, out);
  else if (storage === 'bf16') widenBf16(bytes, out);
  else widenBlocks(storage, bytes, out);
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
