import { address, type Grid, gridSize, padded, view, type View, type Workspace } from './workspace.ts';

/** H = I - τ v vᵀ with v[from] = 1 and H x = β e_from. */
export interface Reflection {
  readonly tau: number;
  readonly beta: number;
}

/** Below it a sum of squares has lost digits; the entries are 1e-140 of the matrix's largest and count as zero. */
const negligible = 1e-280;

/** Overwrites x, whose entries from `at` to `end` are data[…], by v (Golub & Van Loan 2013, algorithm 5.1.1). */
export function reflect(data: Float64Array, at: number, end: number): Reflection {
  const alpha = data[at] ?? 0;
  let rest = 0;
  for (let i = at + 1; i < end; i++) rest += (data[i] ?? 0) ** 2;
  data[at] = 1;
  if (rest < negligible) {
    data.fill(0, at + 1, end);
    return { tau: 0, beta: alpha };
  }
  const norm = Math.sqrt(alpha * alpha + rest);
  const beta = alpha > 0 ? -norm : norm;
  const scale = 1 / (alpha - beta);
  for (let i = at + 1; i < end; i++) data[i] = (data[i] ?? 0) * scale;
  return { tau: (beta - alpha) / beta, beta };
}

/** Reflections applied together. */
export const blockSize = 32;

/** Upper triangular T with H₀ H₁ … = I - Vᵀ T V, where v_i are the rows of V (Schreiber & Van Loan 1989). */
function blockFactor(work: Workspace, v: View, taus: Float64Array): Grid {
  const count = v.rows;
  const gram = work.grid(count, count);
  const t = work.grid(count, count);
  work.gemm(gram, v, v, { transposeB: true });
  for (let j = 0; j < count; j++) {
    const tau = taus[j] ?? 0;
    t.data[j * t.stride + j] = tau;
    for (let i = 0; i < j; i++) {
      let sum = 0;
      for (let k = i; k < j; k++) sum += (t.data[i * t.stride + k] ?? 0) * (gram.data[k * gram.stride + j] ?? 0);
      t.data[i * t.stride + j] = -tau * sum;
    }
  }
  return t;
}

/** X ← X H₀ H₁ … or, backward, X … H₁ H₀ for the reflections in the rows of V. */
export function applyBlock(work: Workspace, x: View, v: View, taus: Float64Array, backward: boolean): void {
  work.scoped(() => {
    const t = blockFactor(work, v, taus);
    const along = work.grid(x.rows, v.rows);
    const scaled = work.grid(x.rows, v.rows);
    work.gemm(along, x, v, { transposeB: true });
    work.gemm(scaled, along, t, { transposeB: backward });
    work.gemm(x, scaled, v, { alpha: -1 });
  });
}

/** f64 that `applyBlock` takes for X of that many rows. */
export const applyBlockSize = (rows: number): number =>
  2 * gridSize(rows, blockSize) + 2 * gridSize(blockSize, blockSize);

/**
 * X ← X Qᵀ for Q = H₀ H₁ …, of which row j of V holds v_j, zero before column j + `shift`. With `identity` X is the
 * identity's first rows, and only what is not zero is touched.
 */
export function applyTransposed(
  work: Workspace,
  x: Grid,
  v: Grid,
  taus: Float64Array,
  { shift = 0, identity = false }: { readonly shift?: number; readonly identity?: boolean } = {},
): void {
  const count = taus.length;
  for (let start = padded(count, blockSize) - blockSize; start >= 0; start -= blockSize) {
    const rows = Math.min(blockSize, count - start);
    const column = start + shift;
    const reflections = view(v, start, column, rows, v.columns - column);
    const from = identity ? Math.min(column, x.rows) : 0;
    const touched = view(x, from, column, x.rows - from, v.columns - column);
    if (touched.rows > 0) applyBlock(work, touched, reflections, taus.subarray(start, start + rows), true);
  }
}

/**
 * Q R of the matrix whose columns are the rows of A (n rows of m ≥ n, or fewer columns than rows): returns R in the upper
 * triangle of a grid [min(m, n), n], leaves the vectors v_j in the rows of A, zero before column j.
 */
export function factorRows(work: Workspace, a: Grid): { readonly r: Grid; readonly taus: Float64Array } {
  const count = Math.min(a.rows, a.columns);
  const r = work.grid(count, a.rows);
  const taus = new Float64Array(count);
  const { data, stride } = a;
  const width = a.columns;
  const along = work.grid(1, blockSize + 4);
  for (let start = 0; start < count; start += blockSize) {
    const end = Math.min(count, start + blockSize);
    for (let j = start; j < end; j++) {
      const row = j * stride;
      for (let i = 0; i < j; i++) r.data[i * r.stride + j] = data[row + i] ?? 0;
      data.fill(0, row, row + j);
      const { tau, beta } = reflect(data, row + j, row + width);
      taus[j] = tau;
      r.data[j * r.stride + j] = beta;
      const rows = end - j - 1;
      if (rows === 0 || tau === 0) continue;
      // Entries before j belong to R: v is zero there.
      const from = j - (j % 4);
      const bytes = 8 * (padded(width, 4) - from);
      work.kernels.dots(address(a, j + 1, from), stride * 8, rows, bytes, address(a, j, from), along.at);
      for (let i = 0; i < rows; i++) along.data[i] = (along.data[i] ?? 0) * tau;
      work.kernels.rankOne(address(a, j + 1, from), stride * 8, rows, bytes, along.at, address(a, j, from));
    }
    const later = a.rows - end;
    if (later === 0) continue;
    const rest = view(a, end, start, later, width - start);
    applyBlock(work, rest, view(a, start, start, end - start, width - start), taus.subarray(start, end), false);
  }
  for (let j = count; j < a.rows; j++) {
    for (let i = 0; i < count; i++) r.data[i * r.stride + j] = data[j * stride + i] ?? 0;
  }
  return { r, taus };
}
