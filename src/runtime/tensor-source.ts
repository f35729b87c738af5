import { type BlockStorage, quantizeFromF32 } from './quantize.ts';
import { blockBytesOf, bytesOf, elementsIn, isWeightStorage, narrowFromF32, widenToF32 } from './storage.ts';
import type { StorageType } from './storage.ts';

/** A stored tensor that is read when asked and never kept. */
export interface TensorSource {
  readonly name: string;
  readonly shape: readonly number[];
  readonly storage: StorageType;
  readonly byteLength: number;
  /** The stored bytes in order, each chunk a whole number of blocks, valid until the next one is asked for. */
  chunks(): AsyncIterable<Uint8Array>;
  /** All stored bytes, into `into` (exactly `byteLength` long) where given. */
  read(into?: Uint8Array): Promise<Uint8Array>;
  /** Widens chunk by chunk into `into`, which has one place per element. */
  readF32(into: Float32Array): Promise<void>;
}

/** Bytes of a chunk of about 1 MiB: a whole number of blocks. */
export function chunkBytesOf(storage: StorageType): number {
  const blockBytes = blockBytesOf(storage);
  return Math.floor((1 << 20) / blockBytes) * blockBytes;
}

/** Number of elements of a shape; RangeError unless sizes and product are safe non-negative integers. */
export function elementCountOf(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`Expected sizes but found [${shape.join(', ')}]`);
    count *= size;
    if (!Number.isSafeInteger(count)) throw new RangeError(`Shape [${shape.join(', ')}] has too many elements`);
  }
  return count;
}

/** A source over any stream of its bytes; RangeError that names the tensor when the stream's length is not the shape's. `fill` reads all of them at once, where that is quicker. */
export function tensorSource(
  name: string,
  shape: readonly number[],
  storage: StorageType,
  chunks: () => AsyncIterable<Uint8Array>,
  fill?: (into: Uint8Array) => Promise<void>,
): TensorSource {
  const elementCount = elementCountOf(shape);
  const byteLength = bytesOf(storage, elementCount);
  const wrong = (found: number): RangeError =>
    new RangeError(`Expected ${byteLength} bytes of tensor ${name} but found ${found}`);

  async function forEach(use: (chunk: Uint8Array, at: number) => void): Promise<void> {
    let at = 0;
    for await (const chunk of chunks()) {
      if (at + chunk.byteLength > byteLength) throw wrong(at + chunk.byteLength);
      use(chunk, at);
      at += chunk.byteLength;
    }
    if (at !== byteLength) throw wrong(at);
  }

  const copyInto = (out: Uint8Array): Promise<void> => forEach((chunk, at) => out.set(chunk, at));

  async function read(into?: Uint8Array): Promise<Uint8Array> {
    const out = into ?? new Uint8Array(byteLength);
    if (out.byteLength !== byteLength) throw wrong(out.byteLength);
    await (fill ?? copyInto)(out);
    return out;
  }

  async function readF32(into: Float32Array): Promise<void> {
    if (into.length !== elementCount) {
      throw new RangeError(`Expected room for ${elementCount} elements of tensor ${name} but found ${into.length}`);
    }
    if (!isWeightStorage(storage)) {
      throw new TypeError(`Expected weights in floats or blocks in tensor ${name} but found ${storage}`);
    }
    if (storage === 'f32' && fill) return fill(new Uint8Array(into.buffer, into.byteOffset, into.byteLength));
    await forEach((chunk, at) => {
      const from = elementsIn(storage, at);
      widenToF32(storage, chunk, into.subarray(from, from + elementsIn(storage, chunk.byteLength)));
    });
  }

  return { name, shape, storage, byteLength, chunks, read, readF32 };
}

/** A source over bytes in memory. */
export function memorySource(
  name: string,
  shape: readonly number[],
  storage: StorageType,
  bytes: Uint8Array,
): TensorSource {
  const step = chunkBytesOf(storage);
  return tensorSource(name, shape, storage, async function* () {
    for (let at = 0; at < bytes.byteLength; at += step) yield bytes.subarray(at, at + step);
  });
}

/** The values in order, widened to f32 a chunk at a time, each valid until the next is asked for: a tensor of any size is read in little memory. */
export async function* f32Pieces({ name, storage, chunks }: TensorSource): AsyncGenerator<Float32Array, void> {
  if (!isWeightStorage(storage))
    throw new TypeError(`Expected weights in floats or blocks in tensor ${name} but found ${storage}`);
  let buffer = new Float32Array();
  for await (const chunk of chunks()) {
    const count = elementsIn(storage, chunk.byteLength);
    if (storage === 'f32' && chunk.byteOffset % 4 === 0) {
      yield new Float32Array(chunk.buffer, chunk.byteOffset, count);
      continue;
    }
    if (buffer.length < count) buffer = new Float32Array(count);
    const values = buffer.subarray(0, count);
    widenToF32(storage, chunk, values);
    yield values;
  }
}

/** A source over f32 values in memory. */
export function f32Source(name: string, shape: readonly number[], values: Float32Array): TensorSource {
  return memorySource(name, shape, 'f32', new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

/** The same tensor in a float type, round to nearest even, or in blocks; converted chunk by chunk. */
export function castSource(source: TensorSource, storage: 'f32' | 'f16' | 'bf16' | BlockStorage): TensorSource {
  if (source.storage === storage) return source;
  return tensorSource(source.name, source.shape, storage, async function* () {
    for await (const chunk of source.chunks()) {
      const values = new Float32Array(elementsIn(source.storage, chunk.byteLength));
      widenToF32(source.storage, chunk, values);
      const out = new Uint8Array(bytesOf(storage, values.length));
      if (storage === 'q8_0' || storage === 'q4_0') quantizeFromF32(storage, values, out);
      else narrowFromF32(storage, values, out);
      yield out;
    }
  });
}
