import { at } from '../ir/graph.ts';
import { type LakeMap, lakeMaps } from './frozenLakeMaps.ts';
import { actionValues, seededUniform, tabularEpisode, type Transition, type Transitions } from './tabular.ts';
import type { World } from './world.ts';

/** Names of the actions, by number. */
export const lakeActions = ['left', 'down', 'right', 'up'] as const;

/** [row, column] that each action adds. */
const moves = [
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, 0],
] as const;

/** Throws RangeError unless a map is a rectangle of S, F, H and G with one S. */
function checkMap(map: LakeMap): void {
  const width = map[0]?.length ?? 0;
  const bad = map.findIndex((row) => row.length !== width || !/^[SFHG]+$/.test(row));
  if (bad >= 0)
    throw new RangeError(
      `map: expected rows of ${width} tiles S, F, H or G but found ${JSON.stringify(map[bad])} at row ${bad + 1}`,
    );
  const starts = map.join('').split('S').length - 1;
  if (starts !== 1) throw new RangeError(`map: expected one tile S but found ${starts}`);
}

/**
 * The table of FrozenLake-v1: state row · columns + column; a move off the map stays; holes and goals end, the goal with reward 1. On
 * slippery ice the intended way is taken with `successRate`, either way across it with half of the rest.
 */
export function lakeTransitions(map: LakeMap, successRate: number): Transitions {
  checkMap(map);
  const [rows, columns] = [map.length, map[0]?.length ?? 0];
  const move = (row: number, column: number, action: number): Omit<Transition, 'probability'> => {
    const [down, right] = at(moves, action);
    const r = Math.min(Math.max(row + down, 0), rows - 1);
    const c = Math.min(Math.max(column + right, 0), columns - 1);
    const tile = map[r]?.[c];
    return { next: r * columns + c, reward: tile === 'G' ? 1 : 0, terminated: tile === 'G' || tile === 'H' };
  };
  const failRate = (1 - successRate) / 2;
  return map.flatMap((tiles, row) =>
    Array.from(tiles, (tile, column) =>
      moves.map((_, action): readonly Transition[] => {
        if (tile === 'G' || tile === 'H')
          return [{ probability: 1, next: row * columns + column, reward: 0, terminated: true }];
        if (successRate === 1) return [{ probability: 1, ...move(row, column, action) }];
        return [(action + 3) % 4, action, (action + 1) % 4].map((taken) => ({
          probability: taken === action ? successRate : failRate,
          ...move(row, column, taken),
        }));
      }),
    ),
  );
}

/** A lake and the table behind it. */
export interface FrozenLake extends World {
  readonly map: LakeMap;
  readonly transitions: Transitions;
  readonly startState: number;
}

/** Names as Gymnasium's. */
export interface FrozenLakeOptions {
  /** Rows of tiles, or the name of one of Gymnasium's maps, 4x4 unless given. */
  readonly map?: keyof typeof lakeMaps | LakeMap;
  /** Whether one may slip across the way that one wants to go; true unless given. */
  readonly isSlippery?: boolean;
  /** Probability of going where one wants to on slippery ice, in (0, 1); 1/3 unless given. */
  readonly successRate?: number;
  /** Steps until the end: 200 on the map named 8x8, else 100, unless given. */
  readonly maxSteps?: number;
}

/**
 * Gymnasium's FrozenLake-v1: over the ice from S to G past the holes. Observation: the tile's number, row by row. Actions: left,
 * down, right, up. Reward: 1 at the goal, else 0. Ends in a hole, at the goal, or after `maxSteps`. The optimum is exact. RangeError
 * on what is no map.
 */
export function frozenLake(options: FrozenLakeOptions = {}): FrozenLake {
  const { map: given = '4x4', isSlippery = true, successRate = 1 / 3 } = options;
  const map = typeof given === 'string' ? lakeMaps[given] : given;
  if (!(successRate > 0 && successRate < 1))
    throw new RangeError(`successRate: expected a number between 0 and 1 but found ${successRate}`);
  const transitions = lakeTransitions(map, isSlippery ? successRate : 1);
  const maxSteps = options.maxSteps ?? (given === '8x8' ? 200 : 100);
  const startState = map.join('').indexOf('S');
  return {
    type: 'frozen-lake',
    map,
    transitions,
    startState,
    observations: transitions.length,
    actions: lakeActions,
    rewards: [0, 1],
    maxSteps,
    optimum: Math.max(...at(actionValues(transitions, maxSteps), startState)),
    start: (seed) =>
      tabularEpisode(transitions, { start: startState, maxSteps, uniform: seededUniform(seed, 'frozen lake') }),
  };
}
