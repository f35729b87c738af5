import { closeSync, mkdirSync, openSync, readSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { besides, fileError } from './files.ts';

/** A file without a name, for as long as the process lives; it is read and written at once, since what asks for it waits anyway. */
export interface ScratchFile {
  readonly append: (bytes: Uint8Array) => void;
  readonly read: (position: number, into: Uint8Array) => void;
  readonly close: () => void;
}

/** Opens a scratch file in a folder, the system's for temporary files unless given, which is made where there is none. It has no name once it is open, so nothing is left after a kill; on Windows it goes when closed. */
export function scratchFile(folder: string = tmpdir()): ScratchFile {
  const path = besides(join(folder, 'tokens'), 'tmp');
  let made: string | undefined;
  let descriptor: number;
  try {
    made = mkdirSync(folder, { recursive: true });
    descriptor = openSync(path, 'wx+');
    if (process.platform !== 'win32') rmSync(path);
  } catch (cause) {
    throw fileError('write', path, cause);
  }
  let end = 0;
  return {
    append(bytes) {
      try {
        for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at, bytes.length - at, end + at);
      } catch (cause) {
        throw fileError('write', path, cause);
      }
      end += bytes.length;
    },
    read(position, into) {
      for (let at = 0; at < into.length;) {
        const count = readSync(descriptor, into, at, into.length - at, position + at);
        if (count === 0)
          throw new RangeError(`${path}: expected ${into.length} bytes at ${position} but the file ends`);
        at += count;
      }
    },
    close() {
      closeSync(descriptor);
      rmSync(path, { force: true });
      // A folder that a refused run would leave empty goes with it.
      if (made !== undefined)
        try {
          rmdirSync(folder);
        } catch {
          // It holds a run by now.
        }
    },
  };
}
