import { gridSize, padded, type View, type Workspace } from './workspace.ts';

/** Collects sweeps of plane rotations of consecutive rows and applies many at once. */
export interface RotationSweeps {
  /** The next `count` rotations are of rows (first, first + 1), (first + 1, first + 2), … */
  begin(first: number, count: number): void;
  add(cosine: number, sine: number): void;
  flush(): void;
}

const sweepsAtOnce = 32;

/** A shorter vector, beside a matrix of size 1, is not rotated: its square has lost digits. */
export const tiny = 1e-140;

/** f64 that the collector of rotations of `rows` rows takes. */
export const sweepRoom = (rows: number): number => gridSize(sweepsAtOnce, 2 * rows) + 2 * sweepsAtOnce + 8;

/** Collects nothing where there is no matrix. */
export function rotationSweeps(work: Workspace, rows: number, of: View | undefined): RotationSweeps {
  if (of === undefined) return { begin: () => undefined, add: () => undefined, flush: () => undefined };
  const angles = work.grid(sweepsAtOnce, 2 * rows);
  const table = work.integers(4 * sweepsAtOnce);
  let [sweeps, next] = [0, 0];
  const flush = (): void => {
    work.kernels.rotateRows(of.at, of.stride * 8, padded(of.columns, 8) / 8, table.at, sweeps);
    sweeps = 0;
  };
  return {
    begin: (first, count) => {
      if (sweeps === sweepsAtOnce) flush();
      next = sweeps * angles.stride;
      table.data.set([first * of.stride * 8, count, angles.at + next * 8], 4 * sweeps++);
    },
    add: (cosine, sine) => {
      angles.data[next++] = cosine;
      angles.data[next++] = sine;
    },
    flush,
  };
}
