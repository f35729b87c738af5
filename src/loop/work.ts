import type { Graph } from '../ir/graph.ts';

/** What a run computes beside its steps, as the plans of memory and time count it. */
export interface Work {
  /** The largest programs that it runs. */
  readonly graphs: readonly (() => Graph)[];
  /** Values that lie outside of programs: keys and values of what is being written. */
  readonly hostBytes: number;
  /** Places that go forward, padding included. */
  readonly places: number;
  /** Tokens that are written one after another, those of a batch as one, at most. */
  readonly writes: number;
}

/** One after another: memory is taken in turn, time adds up. */
export const allOf = (works: readonly Work[]): Work => ({
  graphs: works.flatMap(({ graphs }) => graphs),
  hostBytes: Math.max(0, ...works.map(({ hostBytes }) => hostBytes)),
  places: works.reduce((sum, { places }) => sum + places, 0),
  writes: works.reduce((sum, { writes }) => sum + writes, 0),
});

/** How often something that is done every so many steps is still to come after a step, the end of all steps counted. */
export function timesAfter(step: number, steps: number, every: number | undefined): number {
  if (step >= steps) return 0;
  if (every === undefined) return 1;
  return Math.floor(steps / every) - Math.floor(step / every) + (steps % every === 0 ? 0 : 1);
}

/** Numbers in lists of at most so many. */
export const inBatches = (values: readonly number[], size: number): number[][] =>
  Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));
