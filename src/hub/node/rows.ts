/** The bytes of a data set's file, decompressed where its name ends in .gz. */
import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { openFile } from '../files.ts';

const chunkBytes = 1 << 20;

/** A file to read rows from; `open` may be called again. Errors name the file. */
export function fileSource(path: string): { name: string; open: () => AsyncIterable<Uint8Array> } {
  return { name: path, open: () => (path.toLowerCase().endsWith('.gz') ? decompressed(path) : chunks(path)) };
}

async function* chunks(path: string): AsyncGenerator<Uint8Array> {
  const file = await openFile(path);
  try {
    for (let at = 0; at < file.size; at += chunkBytes) {
      const chunk = new Uint8Array(Math.min(chunkBytes, file.size - at));
      await file.readAt(at, chunk);
      yield chunk;
    }
  } finally {
    await file.close();
  }
}

async function* decompressed(path: string): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  // a failure reaches the loop below through the stream itself
  pipeline(Readable.from(chunks(path)), gunzip, () => undefined);
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (!code.startsWith('Z_')) throw cause;
    throw new SyntaxError(`${path}: expected gzip data but found: ${(cause as Error).message}`, { cause });
  }
}
