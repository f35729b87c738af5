import type { FrozenLake } from './frozenLake.ts';
import type { TextWorld } from './textWorld.ts';

/** A tile's name: rows are letters from the top, columns numbers from the left. RangeError past 26 rows. */
export function tileName(state: number, columns: number): string {
  const row = Math.floor(state / columns);
  if (row >= 26) throw new RangeError(`Expected a lake of at most 26 rows but found row ${row + 1}`);
  return `${String.fromCharCode(97 + row)}${(state % columns) + 1}`;
}

/** A lake in words: "Lake of 4 by 4. Holes: b2 b4 c4 d1. Goal: d4. Way: a1", then " right", " a2", " down", …, the last tile with a full stop. */
export function lakeText(lake: FrozenLake): TextWorld {
  const columns = lake.map[0]?.length ?? 0;
  const tiles = (kind: string): string =>
    Array.from(lake.map.join(''), (tile, state) => (tile === kind ? ` ${tileName(state, columns)}` : '')).join('');
  return {
    world: lake,
    prompt: `Lake of ${lake.map.length} by ${columns}. Holes:${tiles('H')}. Goal:${tiles('G')}. Way:${tiles('S')}`,
    actions: lake.actions.map((name) => ` ${name}`),
    says: ({ observation, terminated }) => ` ${tileName(observation, columns)}${terminated ? '.' : ''}`,
  };
}
