import { bytesOf } from '../runtime/storage.ts';
import type { StorageType, WeightStorage } from '../runtime/storage.ts';
import { elementCountOf } from '../runtime/tensor-source.ts';
import { readRange } from './byte-file.ts';
import type { ByteFile } from './byte-file.ts';
import { isNeedMore, ggufCursor } from './gguf-cursor.ts';
import type { GgufCursor, GgufValue } from './gguf-cursor.ts';

export type { GgufValue } from './gguf-cursor.ts';

/** GGML's tensor types by number; those with a storage type are read, the others refused by name. */
const ggmlTypes: Readonly<Record<number, { readonly name: string; readonly storage?: WeightStorage }>> = {
  0: { name: 'F32', storage: 'f32' },
  1: { name: 'F16', storage: 'f16' },
  2: { name: 'Q4_0', storage: 'q4_0' },
  3: { name: 'Q4_1', storage: 'q4_1' },
  6: { name: 'Q5_0', storage: 'q5_0' },
  7: { name: 'Q5_1', storage: 'q5_1' },
  8: { name: 'Q8_0', storage: 'q8_0' },
  9: { name: 'Q8_1' },
  10: { name: 'Q2_K' },
  11: { name: 'Q3_K' },
  12: { name: 'Q4_K', storage: 'q4_k' },
  13: { name: 'Q5_K', storage: 'q5_k' },
  14: { name: 'Q6_K', storage: 'q6_k' },
  15: { name: 'Q8_K' },
  16: { name: 'IQ2_XXS' },
  17: { name: 'IQ2_XS' },
  18: { name: 'IQ3_XXS' },
  19: { name: 'IQ1_S' },
  20: { name: 'IQ4_NL' },
  21: { name: 'IQ3_S' },
  22: { name: 'IQ2_S' },
  23: { name: 'IQ4_XS' },
  24: { name: 'I8' },
  25: { name: 'I16' },
  26: { name: 'I32' },
  27: { name: 'I64' },
  28: { name: 'F64' },
  29: { name: 'IQ1_M' },
  30: { name: 'BF16', storage: 'bf16' },
  34: { name: 'TQ1_0' },
  35: { name: 'TQ2_0' },
  39: { name: 'MXFP4' },
};

/** GGML's number of a storage type; TypeError for one that GGUF has not. */
export function ggmlTypeOf(storage: StorageType): number {
  for (const [number, type] of Object.entries(ggmlTypes)) if (type.storage === storage) return Number(number);
  throw new TypeError(`Expected a storage type that GGUF has but found ${storage}`);
}

/** A tensor as the file holds it: shape outermost first, position in the file. */
export interface GgufTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly storage: WeightStorage;
  readonly position: number;
  readonly byteLength: number;
}

export interface Gguf {
  readonly file: ByteFile;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

const magic = 0x46554747;
const maxAxes = 4;
// Key length, type and one byte of value; name length, axis count, type and offset.
const minKeyBytes = 13;
const minTensorBytes = 24;

function tensorOf(cursor: GgufCursor): GgufTensor {
  const name = cursor.string();
  const where = `${cursor.name}: tensor ${name}`;
  const axes = cursor.uint32();
  if (axes > maxAxes) throw new RangeError(`${where}: expected at most ${maxAxes} axes but found ${axes}`);
  const shape = Array.from({ length: axes }, () => cursor.size()).reverse();
  const number = cursor.uint32();
  const type = ggmlTypes[number];
  if (type?.storage === undefined) {
    const readable = Object.values(ggmlTypes).filter((each) => each.storage !== undefined);
    throw new TypeError(
      `${where}: expected a type of ${readable.map((each) => each.name).join(', ')} but found ${type?.name ?? `number ${number}`}`,
    );
  }
  const { storage } = type;
  try {
    // Blocks run along a row, so each row must be whole ones.
    bytesOf(storage, shape.at(-1) ?? 1);
    const byteLength = bytesOf(storage, elementCountOf(shape));
    return { name, shape, storage, byteLength, position: cursor.size() };
  } catch (cause) {
    if (isNeedMore(cause)) throw cause;
    throw new RangeError(`${where}: ${cause instanceof Error ? cause.message : ''}`, { cause });
  }
}

function alignmentOf(file: string, metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment === 'number' && Number.isInteger(alignment) && alignment > 0 && alignment % 8 === 0) {
    return alignment;
  }
  throw new RangeError(`${file}: general.alignment: expected a multiple of 8 but found ${String(alignment)}`);
}

/** Moves offsets to positions in the file; none may be unaligned, overlap another or reach past the end. */
function placed(file: ByteFile, tensors: readonly GgufTensor[], start: number, alignment: number): GgufTensor[] {
  const inOrder = [...tensors].sort((a, b) => a.position - b.position || a.byteLength - b.byteLength);
  let covered = start;
  for (const { name, position, byteLength } of inOrder) {
    const where = `${file.name}: tensor ${name}`;
    if (position % alignment !== 0) {
      throw new RangeError(`${where}: expected an offset that is a multiple of ${alignment} but found ${position}`);
    }
    if (start + position < covered) throw new RangeError(`${where}: it overlaps the tensor before it`);
    covered = start + position + byteLength;
    if (covered > file.size) {
      throw new RangeError(`${where}: expected it to end by ${file.size}, the file's end, but found ${covered}`);
    }
  }
  return tensors.map((tensor) => ({ ...tensor, position: start + tensor.position }));
}

function parse(file: ByteFile, cursor: GgufCursor): Gguf {
  if (cursor.uint32() !== magic) throw new SyntaxError(`${file.name}: expected a GGUF file (it begins otherwise)`);
  const version = cursor.uint32();
  if (version !== 2 && version !== 3) {
    const found = (version & 0xffff) === 0 ? 'a big-endian file' : `${version}`;
    throw new TypeError(`${file.name}: expected GGUF version 2 or 3, little-endian, but found ${found}`);
  }
  const tensorCount = cursor.count(minTensorBytes, 'tensors');
  const keyCount = cursor.count(minKeyBytes, 'metadata keys');
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = cursor.string();
    if (metadata.has(key)) throw new SyntaxError(`${file.name}: expected each key once but found ${key} twice`);
    metadata.set(key, cursor.value(key));
  }
  const found = new Map<string, GgufTensor>();
  for (let i = 0; i < tensorCount; i++) {
    const tensor = tensorOf(cursor);
    if (found.has(tensor.name)) {
      throw new SyntaxError(`${file.name}: expected each tensor once but found ${tensor.name} twice`);
    }
    found.set(tensor.name, tensor);
  }
  const alignment = alignmentOf(file.name, metadata);
  const start = Math.ceil(cursor.position() / alignment) * alignment;
  const tensors = placed(file, [...found.values()], start, alignment);
  return { file, metadata, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
}

/** Reads the header of a GGUF file (version 2 or 3) and checks it against the file's size. SyntaxError, RangeError, or TypeError for a version or tensor type that is not read. */
export async function readGguf(file: ByteFile): Promise<Gguf> {
  // Where the header ends is known only when it has been read.
  for (let length = Math.min(file.size, 1 << 23); ; length = Math.min(file.size, length * 4)) {
    const bytes = await readRange(file, 0, length);
    try {
      return parse(file, ggufCursor(file.name, file.size, bytes));
    } catch (cause) {
      if (!isNeedMore(cause)) throw cause;
    }
  }
}
