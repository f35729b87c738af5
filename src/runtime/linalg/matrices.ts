import { type Grid, type Workspace } from './workspace.ts';

export type Floats = Float32Array | Float64Array;

/** One matrix of a batch, row by row. */
export interface Source {
  readonly data: Floats;
  readonly rows: number;
  readonly columns: number;
}

/** The power of two that brings the largest entry into [1/2, 1), 1 for zeros: products then neither overflow nor vanish. */
export function scaleOf(data: Floats): number {
  let largest = 0;
  for (let i = 0; i < data.length; i++) largest = Math.max(largest, Math.abs(data[i] ?? 0));
  let scale = 1;
  if (largest === 0) return scale;
  while (largest * scale >= 1) scale /= 2;
  while (largest * scale < 0.5 && scale < 2 ** 1022) scale *= 2;
  return scale;
}

/** The matrix, or its transpose, times a number, in f64. */
export function load(work: Workspace, { data, rows, columns }: Source, transpose = false, scale = 1): Grid {
  const grid = transpose ? work.grid(columns, rows) : work.grid(rows, columns);
  const [down, right] = transpose ? [1, grid.stride] : [grid.stride, 1];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) grid.data[i * down + j * right] = (data[i * columns + j] ?? 0) * scale;
  }
  return grid;
}

/** The first rows of an identity. */
export function identity(work: Workspace, rows: number, columns: number): Grid {
  const grid = work.grid(rows, columns);
  for (let i = 0; i < Math.min(rows, columns); i++) grid.data[i * grid.stride + i] = 1;
  return grid;
}

/** Largest |a_ij - a_ji| beside the largest entry that counts as rounding. */
const asymmetry = { f32: 1e-5, f64: 1e-12 };

/**
 * (A + Aᵀ) / 2 times a power of `base` that brings the largest entry near 1. Throws RangeError where A is not symmetric.
 */
export function loadSymmetric(
  work: Workspace,
  source: Source,
  base: 2 | 4 = 2,
): { readonly grid: Grid; readonly scale: number } {
  const { data, rows: n } = source;
  const power = scaleOf(data);
  // A power of four has an exact square root.
  const scale = base === 4 && !Number.isInteger(Math.log2(power) / 2) ? power / 2 : power;
  const grid = load(work, source, false, scale);
  const allowed = data instanceof Float32Array ? asymmetry.f32 : asymmetry.f64;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const [lower, upper] = [grid.data[i * grid.stride + j] ?? 0, grid.data[j * grid.stride + i] ?? 0];
      if (Math.abs(lower - upper) > allowed) {
        throw new RangeError(
          `Expected a symmetric matrix but found ${data[i * n + j]} at [${i}, ${j}] and ${data[j * n + i]} at [${j}, ${i}]`,
        );
      }
      const mean = (lower + upper) / 2;
      grid.data[i * grid.stride + j] = mean;
      grid.data[j * grid.stride + i] = mean;
    }
  }
  return { grid, scale };
}

/** Writes the first rows and columns of a grid, or of its transpose, row by row; takes grid row order[i] times sign[i] for row i. */
export function store(
  grid: Grid,
  out: Floats,
  options: {
    readonly rows?: number;
    readonly columns?: number;
    readonly transpose?: boolean;
    readonly order?: ArrayLike<number>;
    readonly scales?: ArrayLike<number>;
  } = {},
): void {
  const { rows = grid.rows, columns = grid.columns, transpose = false, order, scales } = options;
  const [down, right] = transpose ? [1, rows] : [columns, 1];
  for (let i = 0; i < rows; i++) {
    const from = (order?.[i] ?? i) * grid.stride;
    const scale = scales?.[i] ?? 1;
    for (let j = 0; j < columns; j++) out[i * down + j * right] = (grid.data[from + j] ?? 0) * scale;
  }
}

/** +1 or -1: the sign of the entry of largest magnitude in a row, the first of equals. */
export function signOfLargest(grid: Grid, row: number): number {
  let [largest, sign] = [0, 1];
  for (let at = row * grid.stride; at < row * grid.stride + grid.columns; at++) {
    const value = grid.data[at] ?? 0;
    if (Math.abs(value) > largest) [largest, sign] = [Math.abs(value), Math.sign(value)];
  }
  return sign;
}
