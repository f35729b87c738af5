import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { besides, fileError, makeFolder, pathKind } from './files.ts';

/** Gives `use` a folder beside `path`, on the same file system, which is removed afterwards with all that is left in it. */
export async function withFolderBeside<T>(path: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = besides(path, 'tmp');
  try {
    await makeFolder(dirname(resolve(path)));
    await mkdir(folder);
  } catch (cause) {
    throw fileError('write', path, cause);
  }
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Moves a finished file or folder to where nothing stands yet. Error where something does. */
export async function moveInto(from: string, to: string): Promise<void> {
  if ((await pathKind(to)) !== undefined) throw new Error(`Cannot write ${to}: it exists already`);
  try {
    await rename(from, to);
  } catch (cause) {
    throw fileError('write', to, cause);
  }
}
