import { open, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { fileError } from './files.ts';

/** Most bytes of a file that is read whole. */
const maxBytes = 64 << 20;

/** Reads a file that a row of a data file names: below that file's folder, links followed. Error where it is elsewhere, is too large or cannot be read. */
export async function readBeside(file: string, name: string): Promise<Uint8Array> {
  const folder = await realpath(dirname(file));
  const asked = resolve(folder, name);
  const path = await realpath(asked).catch((cause: unknown) => {
    throw fileError('read', asked, cause);
  });
  const below = relative(folder, path);
  if (below === '' || isAbsolute(below) || below === '..' || below.startsWith(`..${sep}`))
    throw new RangeError(`expected a path below ${folder} but found ${path}`);
  try {
    const handle = await open(path, 'r');
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw new Error('it is not a regular file');
      if (stats.size > maxBytes) throw new Error(`it has ${stats.size} bytes, more than ${maxBytes}`);
      return new Uint8Array(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}
