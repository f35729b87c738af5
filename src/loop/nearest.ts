/** Names compared without case, dashes, underscores and dots, so that learning_rate finds learningRate. */
const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** Edits (insert, delete, replace, swap neighbours) that turn one text into the other. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swaps = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = swaps ? (before[j - 2] ?? 0) + 1 : Infinity;
      row.push(Math.min(replaced, swapped, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** The name that was probably meant: equal but for spelling, then nearest within two edits of five letters, then one whose last part is equal; undefined where none is near. */
export function nearest(wrong: string, names: readonly string[]): string | undefined {
  const sought = plain(wrong);
  if (sought === '') return undefined;
  let found: string | undefined;
  let least = Math.max(1, Math.floor(0.4 * sought.length)) + 1;
  for (const name of names) {
    const distance = editDistance(sought, plain(name));
    if (distance < least) [found, least] = [name, distance];
  }
  if (least === 0) return found;
  const lastPart = (name: string): string => plain(name.split('.').at(-1) ?? '');
  return names.find((name) => lastPart(name) === lastPart(wrong)) ?? found;
}

/** ` Did you mean X?`, or nothing. */
export function hint(
  wrong: string,
  names: readonly string[],
  shown: (name: string) => string = (name) => name,
): string {
  const name = nearest(wrong, names);
  return name === undefined ? '' : ` Did you mean ${shown(name)}?`;
}
