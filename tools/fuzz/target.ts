import type { ByteFile } from '../../src/hub/byte-file.ts';
import { memoryFile } from '../../src/hub/byte-file.ts';
import type { Draw } from './draws.ts';

/** One input and what reads it. */
export interface FuzzCase {
  readonly input: Uint8Array | string;
  readonly read: () => Promise<void> | void;
}

/** A reader, and how inputs for it are made. */
export interface FuzzTarget {
  readonly name: string;
  /** Share of the cases. */
  readonly weight: number;
  /** What every error has to say: the name of the file. */
  readonly says: string;
  /** Most that a reader may hold for a small input; 96 MiB unless given. */
  readonly mostMiB?: number;
  readonly caseOf: (draw: Draw) => FuzzCase;
}

/** A case whose reader goes through a file in memory. Error where it asks for more than there is. */
export function fileCase(
  name: string,
  input: Uint8Array<ArrayBuffer>,
  read: (file: ByteFile) => Promise<void>,
): FuzzCase {
  const file = memoryFile(name, input);
  const watched: ByteFile = {
    ...file,
    readAt(position, into) {
      if (position < 0 || into.byteLength > input.byteLength)
        throw new Error(`over-read: ${into.byteLength} bytes at ${position} of ${input.byteLength}`);
      return file.readAt(position, into);
    },
  };
  return { input, read: () => read(watched) };
}
