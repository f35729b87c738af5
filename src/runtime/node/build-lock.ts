import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { isAlive } from './isAlive.ts';

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** Past it a lock is that of a process that was killed and whose number another one has now, and a folder what such a one left. */
export const staleMs = 600_000;

/** Milliseconds since a file or folder was last changed. */
export const ageMs = async (path: string): Promise<number> => Date.now() - (await stat(path)).mtimeMs;

/** Whether the process that wrote a lock is at work; its lock is removed where it is not. */
async function isHeld(lock: string): Promise<boolean> {
  try {
    const [pid, host] = (await readFile(lock, 'utf8')).split(' ');
    // One that was just made is still empty.
    if ((await ageMs(lock)) < staleMs && (host !== hostname() || isAlive(Number(pid)))) return true;
    await rm(lock, { force: true });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  return false;
}

/** Writes a lock that names this process, unless there is one. */
async function take(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, `${process.pid} ${hostname()}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Runs `work` while a file names this process, after others that are at it; a killed one's lock is taken over, which may let two
 * work at once. `wait` is told before it waits. AbortError when stopped.
 */
export async function withBuildLock<T>(
  lock: string,
  { wait, signal }: { readonly wait: () => void; readonly signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  for (let waited = false; !(await take(lock));) {
    if (!(await isHeld(lock))) continue;
    if (!waited) wait();
    waited = true;
    await setTimeout(200, undefined, signal ? { signal } : {});
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}
