import { readFileSync } from 'node:fs';

/** The values of a file of JSON lines. */
export const jsonLines = <T = Record<string, unknown>>(path: string): T[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
