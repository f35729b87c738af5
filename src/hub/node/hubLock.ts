import { open, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { besides, codeOf, fileError, makeFolder } from '../files.ts';

export interface LockTimes {
  /** The holder touches its lock this often. */
  readonly beatMs: number;
  /** A lock untouched for this long is a killed process's. */
  readonly staleMs: number;
  readonly pollMs: number;
}

const usual: LockTimes = { beatMs: 2000, staleMs: 15_000, pollMs: 200 };

/** Takes over a lock that nobody touches; renamed first, so that of several takers one removes it. */
async function removeStale(path: string, staleMs: number): Promise<void> {
  try {
    if (Date.now() - (await stat(path)).mtimeMs < staleMs) return;
    const aside = besides(path, 'old');
    await rename(path, aside);
    await rm(aside, { force: true });
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw fileError('remove', path, cause);
  }
}

/** Runs `work` while a lock file stands at `path`, so that processes take turns. It saves double work; nothing may depend on it to be right. */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  options: { readonly signal?: AbortSignal | undefined; readonly times?: LockTimes } = {},
): Promise<T> {
  const { beatMs, staleMs, pollMs } = options.times ?? usual;
  await makeFolder(dirname(path));
  for (;;) {
    try {
      await (await open(path, 'wx')).close();
      break;
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST') throw fileError('write', path, cause);
    }
    await removeStale(path, staleMs);
    await sleep(pollMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
  const beat = setInterval(() => {
    const now = new Date();
    void utimes(path, now, now).catch(() => undefined);
  }, beatMs);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(path, { force: true });
  }
}
