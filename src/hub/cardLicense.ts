import { parse } from 'yaml';
import { fileIn, readTextFile } from './files.ts';
import { isRecord } from './json.ts';

/** Front matter beyond this is not one. */
const mostCharacters = 100_000;

/** Under what licence a model's card says it is: the hub's short name. Undefined where there is no card or it says nothing that can be read. */
export async function cardLicense(folder: string): Promise<string | undefined> {
  try {
    const path = await fileIn(folder, 'README.md');
    if (path === undefined) return undefined;
    const [, front = ''] =
      /^---\r?\n([\s\S]*?)\r?\n---/.exec((await readTextFile(path)).slice(0, mostCharacters)) ?? [];
    const fields = parse(front, { maxAliasCount: 100 }) as unknown;
    const license = isRecord(fields) ? fields['license'] : undefined;
    return typeof license === 'string' ? license : undefined;
  } catch {
    // A card is for people; a broken one does not make the model unreadable.
    return undefined;
  }
}
