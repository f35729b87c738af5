import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { fileError } from './files.ts';

/** The bytes of a file from its start, decompressed where the name ends in .gz. */
export async function* byteStream(path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  const stream = /\.gz$/i.test(path) ? file.pipe(createGunzip()) : file;
  // pipe() does not hand errors on
  file.on('error', (cause) => stream.destroy(cause));
  try {
    yield* stream as AsyncIterable<Uint8Array>;
  } catch (cause) {
    throw fileError('read', path, cause);
  } finally {
    file.destroy();
  }
}
