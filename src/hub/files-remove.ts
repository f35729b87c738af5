import { open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { besides, codeOf, fileError, listFolder, makeFolder } from './files.ts';

/** Removes a file or a folder with all in it, at once as far as others can see; nothing happens where there is none. */
export async function removePath(path: string): Promise<void> {
  const aside = besides(path, 'old');
  try {
    await rename(path, aside);
    await rm(aside, { recursive: true });
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw fileError('remove', path, cause);
  }
}

/** Whether a name is that of something half-written or half-removed. */
export const isLeftover = (name: string): boolean => /\.(tmp|old)-[0-9a-f]{8}$/.test(name);

/** Removes what a killed process left half-written or half-removed in a folder. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await listFolder(folder)) {
    if (isLeftover(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Error where no file could be written into the folder at `path`, there or not; leaves everything as it was. */
export async function assertWritableFolder(path: string): Promise<void> {
  try {
    const made = await makeFolder(path);
    if (made !== undefined) {
      await rm(made, { recursive: true });
      return;
    }
    if (!(await stat(path)).isDirectory()) throw new Error(`Cannot write ${path}: it is not a folder`);
    const probe = besides(join(path, 'probe'), 'tmp');
    await (await open(probe, 'wx')).close();
    await rm(probe);
  } catch (cause) {
    throw cause instanceof Error && codeOf(cause) === '' ? cause : fileError('write', path, cause);
  }
}
