import { fillUniform, randomKey } from '../ir/random.ts';

/** Rows of tiles: S where one starts, F frozen, H a hole, G the goal. */
export type LakeMap = readonly string[];

/** Gymnasium's own two. */
export const lakeMaps = {
  '4x4': ['SFFF', 'FHFH', 'FFFH', 'HFFG'],
  '8x8': ['SFFFFFFF', 'FFFFFFFF', 'FFFHFFFF', 'FFFFFHFF', 'FFFHFFFF', 'FHHFFFHF', 'FHFFHFHF', 'FFFHFFFG'],
} as const satisfies Readonly<Record<string, LakeMap>>;

/** Whether a way over ice leads from the first tile to a goal. */
export function hasWay(map: LakeMap): boolean {
  const seen = new Set<string>();
  const open: (readonly [number, number])[] = [[0, 0]];
  for (let place = open.pop(); place; place = open.pop()) {
    const [row, column] = place;
    if (seen.has(`${row} ${column}`)) continue;
    seen.add(`${row} ${column}`);
    const around = [
      [row + 1, column],
      [row, column + 1],
      [row - 1, column],
      [row, column - 1],
    ] as const;
    for (const [r, c] of around) {
      const tile = map[r]?.[c];
      if (tile === 'G') return true;
      if (tile !== undefined && tile !== 'H') open.push([r, c]);
    }
  }
  return false;
}

/**
 * A map on which each tile is frozen with probability `frozen`, drawn until there is a way, as Gymnasium's `generate_random_map`
 * draws it; the numbers are not NumPy's, so a seed gives another map than there. RangeError where no way comes in 10,000 draws.
 */
export function randomLakeMap(options: {
  readonly size: number;
  readonly frozen: number;
  readonly seed: number;
}): LakeMap {
  const { size, frozen, seed } = options;
  const tiles = size * size;
  const draws = new Float32Array(tiles);
  for (let attempt = 0; attempt < 10_000; attempt++) {
    fillUniform(draws, randomKey(seed, 'frozen lake map', attempt));
    const row = (r: number): string =>
      Array.from({ length: size }, (_, c) => {
        const tile = r * size + c;
        if (tile === 0) return 'S';
        if (tile === tiles - 1) return 'G';
        return (draws[tile] ?? 1) < frozen ? 'F' : 'H';
      }).join('');
    const map = Array.from({ length: size }, (_, r) => row(r));
    if (hasWay(map)) return map;
  }
  throw new RangeError(
    `Expected a way within 10000 maps of ${size} by ${size} tiles, ${frozen} of them frozen, but found none`,
  );
}
