import { appendFile } from 'node:fs/promises';
import { fileError } from './files.ts';

/** Adds text at the end of a file, which is made where there is none. */
export async function appendText(path: string, text: string): Promise<void> {
  try {
    await appendFile(path, text);
  } catch (cause) {
    throw fileError('write', path, cause);
  }
}
