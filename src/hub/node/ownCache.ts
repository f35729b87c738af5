import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** Folder of what tuneloop keeps between runs: TUNELOOP_CACHE, else tuneloop/ below XDG_CACHE_HOME or ~/.cache. */
export const ownCache = (env: Readonly<Record<string, string | undefined>> = process.env): string =>
  env['TUNELOOP_CACHE'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? homedir(), '.cache'), 'tuneloop');
