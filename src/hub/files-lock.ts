import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isAlive } from '../runtime/node/isAlive.ts';
import { codeOf, fileError } from './files.ts';

/** The process that a lock names, where it is there, or may be on another machine; undefined for a killed one's lock. */
async function holderOf(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const [, digits, host] = /^(\d+) (.+)\n$/.exec(text) ?? [];
  if (digits === undefined || host === undefined) return undefined;
  if (host !== hostname()) return `${digits} on ${host}`;
  return Number(digits) !== process.pid && isAlive(Number(digits)) ? digits : undefined;
}

/** Runs `work` while a file at `path` names this process; `refused` makes the error where another one is at it. A killed process's lock is taken over. */
export async function withProcessLock<T>(
  path: string,
  refused: (holder: string) => Error,
  work: () => Promise<T>,
): Promise<T> {
  const holder = await holderOf(path);
  if (holder !== undefined) throw refused(holder);
  try {
    await rm(path, { force: true });
    const handle = await open(path, 'wx');
    try {
      await handle.writeFile(`${process.pid} ${hostname()}\n`);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') throw refused('of another start');
    throw fileError('write', path, cause);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}
