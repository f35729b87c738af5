import { bytesOf } from '../runtime/storage.ts';
import type { StorageType } from '../runtime/storage.ts';
import { chunkBytesOf, elementCountOf, tensorSource } from '../runtime/tensor-source.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';

/** A file of known size that is read in ranges; `name` is what errors call it. */
export interface ByteFile {
  readonly name: string;
  readonly size: number;
  /** Fills `into` from `position`; RangeError where the file ends earlier. */
  readAt(position: number, into: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export function endsEarly(name: string, size: number, position: number, length: number): RangeError {
  return new RangeError(`${name}: expected ${length} bytes at ${position} but the file ends at ${size}`);
}

/** Bytes in memory as a file. */
export function memoryFile(name: string, bytes: Uint8Array): ByteFile {
  return {
    name,
    size: bytes.byteLength,
    async readAt(position, into) {
      const end = position + into.byteLength;
      if (end > bytes.byteLength) throw endsEarly(name, bytes.byteLength, position, into.byteLength);
      into.set(bytes.subarray(position, end));
    },
    async close() {},
  };
}

/** `length` bytes from `position`; RangeError, before anything is allocated, where the file ends earlier. */
export async function readRange(file: ByteFile, position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  if (position + length > file.size) throw endsEarly(file.name, file.size, position, length);
  const bytes = new Uint8Array(length);
  await file.readAt(position, bytes);
  return bytes;
}

/** The file from `position` for `length` bytes in chunks of at most `step`, all in one buffer that is reused. */
export async function* readChunks(
  file: ByteFile,
  position: number,
  length: number,
  step: number,
  buffer = new Uint8Array(Math.min(step, length)),
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < length; at += step) {
    const chunk = buffer.subarray(0, Math.min(step, length - at));
    await file.readAt(position + at, chunk);
    yield chunk;
  }
}

/** Bytes that are read at once; systems read less than 2 GiB. */
const maxRead = 2 ** 26;

/** Where a tensor lies in one piece of a file, and what it is. */
export interface FilePlace {
  readonly position: number;
  readonly name: string;
  readonly shape: readonly number[];
  readonly storage: StorageType;
}

/**
 * Tensors of a file. Their chunks lie in as many buffers as are read at once: one for each tensor would have the garbage
 * collector take longer than the reading.
 */
export function fileSources(file: ByteFile): (place: FilePlace) => TensorSource {
  const spare: Uint8Array<ArrayBuffer>[] = [];
  async function* chunksOf(position: number, length: number, step: number): AsyncGenerator<Uint8Array> {
    const large = length >= step;
    const buffer = large ? (spare.pop() ?? new Uint8Array(2 ** 20)) : new Uint8Array(length);
    try {
      yield* readChunks(file, position, length, step, buffer);
    } finally {
      if (large) spare.push(buffer);
    }
  }
  return ({ position, name, shape, storage }) => {
    const byteLength = bytesOf(storage, elementCountOf(shape));
    const chunks = (): AsyncIterable<Uint8Array> => chunksOf(position, byteLength, chunkBytesOf(storage));
    return tensorSource(name, shape, storage, chunks, async (into) => {
      for (let at = 0; at < byteLength; at += maxRead)
        await file.readAt(position + at, into.subarray(at, Math.min(byteLength, at + maxRead)));
    });
  };
}
