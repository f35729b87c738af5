import { joinPath, makeFolder, writeFileAtomic } from '../hub/files.ts';

/** Writes rows as a JSONL file that a config can name, whole or not at all, with the folders on its way; returns its path. */
export async function writeRows(path: string, rows: Iterable<object>): Promise<string> {
  await makeFolder(joinPath(path, '..'));
  await writeFileAtomic(path, Array.from(rows, (row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}
