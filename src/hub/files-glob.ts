import { filesBelow, joinPath, listFolder, pathKind } from './files.ts';
import { globPattern, isGlob } from './glob.ts';

/** Files that a pattern names (`*`, `?`, `**`, `[…]`, `{a,b}`), sorted; a folder above the first pattern is where the search starts. */
export async function globFiles(pattern: string): Promise<string[]> {
  const parts = pattern.split('/');
  const first = parts.findIndex(isGlob);
  const base = parts.slice(0, first).join('/') || (pattern.startsWith('/') ? '/' : '.');
  if ((await pathKind(base)) !== 'folder') return [];
  const rest = parts.slice(first);
  const matches = globPattern(rest.join('/'));
  // Below one level nothing is walked that the pattern cannot name.
  const names = rest.length === 1 && rest[0] !== '**' ? await listFolder(base) : await filesBelow(base);
  const found: string[] = [];
  for (const name of names) {
    const path = base === '.' && !pattern.startsWith('./') ? name : joinPath(base, name);
    if (matches.test(name) && (await pathKind(path)) === 'file') found.push(path);
  }
  return found.toSorted();
}
