import { applyBlockSize, applyTransposed, reflect } from './householder.ts';
import { type Floats, identity, loadSymmetric, signOfLargest, type Source, store } from './matrices.ts';
import { rotationSweeps, sweepRoom, tiny } from './rotations.ts';
import { address, type Grid, gridSize, padded, type View, type Workspace } from './workspace.ts';

/** A = Q T Qᵀ with T tridiagonal; the reflections of Q stand in rows, row k zero before column k + 1. */
interface Tridiagonal {
  readonly diagonal: Float64Array;
  readonly beside: Float64Array;
  readonly vectors: Grid;
  readonly taus: Float64Array;
}

const symmetricSize = (n: number): number => 3 * gridSize(n, n) + 3 * gridSize(1, n) + sweepRoom(n) + applyBlockSize(n);

/** Householder tridiagonalisation (Golub & Van Loan 2013, §8.3.1); a step's update and the next product are one pass. */
function tridiagonalise(work: Workspace, a: Grid): Tridiagonal {
  const { rows: n, stride, data } = a;
  const vectors = work.grid(n, n);
  const zero = work.grid(1, n);
  const products = [work.grid(1, n), work.grid(1, n)] as const;
  const [diagonal, beside, taus] = [new Float64Array(n), new Float64Array(n - 1), new Float64Array(n - 1)];
  // What is still to be taken off A: v wᵀ + w vᵀ.
  let [v, vData, vFrom, w] = [zero.at, zero.data, 0, zero];
  for (let k = 0; k < n; k++) {
    const row = k * vectors.stride;
    const [vk, wk] = [vData[vFrom + k] ?? 0, w.data[k] ?? 0];
    for (let j = k; j < n; j++) {
      vectors.data[row + j] = (data[k * stride + j] ?? 0) - vk * (w.data[j] ?? 0) - wk * (vData[vFrom + j] ?? 0);
    }
    diagonal[k] = vectors.data[row + k] ?? 0;
    vectors.data[row + k] = 0;
    if (k === n - 1) break;
    const { tau, beta } = reflect(vectors.data, row + k + 1, row + n);
    beside[k] = beta;
    taus[k] = tau;

    const from = k - (k % 4);
    const p = products[k % 2] ?? zero;
    p.data.fill(0);
    const next = address(vectors, k);
    const bytes = 8 * (padded(n, 4) - from);
    const vectorsAt = [v, w.at, w.at, v, next, p.at].map((at) => at + 8 * from);
    work.kernels.updateAndCombine(address(a, from, from), stride * 8, n - from, bytes, ...vectorsAt);
    p.data.fill(0, 0, k + 1);
    let overlap = 0;
    for (let j = k + 1; j < n; j++) overlap += (p.data[j] ?? 0) * (vectors.data[row + j] ?? 0);
    const half = (tau * tau * overlap) / 2;
    for (let j = k + 1; j < n; j++) p.data[j] = tau * (p.data[j] ?? 0) - half * (vectors.data[row + j] ?? 0);
    [v, vData, vFrom, w] = [next, vectors.data, row, p];
  }
  return { diagonal, beside, vectors, taus };
}

/** Eigenvalues of a tridiagonal matrix by implicit QR with Wilkinson's shift (Golub & Van Loan 2013, §8.3.5), into `d`, unordered. */
function tridiagonalQr(work: Workspace, d: Float64Array, e: Float64Array, vectors: View | undefined): void {
  const n = d.length;
  const sweeps = rotationSweeps(work, n, vectors);
  let size = 0;
  for (let i = 0; i < n; i++) size = Math.max(size, Math.abs(d[i] ?? 0), Math.abs(e[i] ?? 0));
  const unit = Number.EPSILON / 2;
  const floor = (unit * size) / 4;
  const small = (i: number): boolean =>
    Math.abs(e[i] ?? 0) <= Math.max(floor, unit * (Math.abs(d[i] ?? 0) + Math.abs(d[i + 1] ?? 0)));
  let high = n - 1;
  let sweepsLeft = 30 * n;
  while (high > 0) {
    if (small(high - 1)) {
      e[--high] = 0;
      continue;
    }
    let low = high - 1;
    while (low > 0 && !small(low - 1)) low--;
    if (low > 0) e[low - 1] = 0;
    if (sweepsLeft-- === 0) throw new Error(`Expected eigenvalues after ${30 * n} sweeps but ${high + 1} are left`);

    const [last, square] = [d[high] ?? 0, (e[high - 1] ?? 0) ** 2];
    const half = ((d[high - 1] ?? 0) - last) / 2;
    const root = Math.sqrt(half * half + square);
    const shift = last - square / (half < 0 ? half - root : half + root);
    let along = (d[low] ?? 0) - shift;
    let across = e[low] ?? 0;
    sweeps.begin(low, high - low);
    for (let i = low; i < high; i++) {
      const length = Math.sqrt(along * along + across * across);
      const c = length < tiny ? 1 : along / length;
      const s = length < tiny ? 0 : across / length;
      sweeps.add(c, s);
      if (i > low) e[i - 1] = length;
      const a = d[i] ?? 0;
      const b = e[i] ?? 0;
      const g = d[i + 1] ?? 0;
      const moved = s * (s * (g - a) + 2 * c * b);
      d[i] = a + moved;
      d[i + 1] = g - moved;
      along = c * s * (g - a) + (c - s) * (c + s) * b;
      e[i] = along;
      if (i + 1 < high) {
        const further = e[i + 1] ?? 0;
        across = s * further;
        e[i + 1] = c * further;
      }
    }
  }
  sweeps.flush();
}

/**
 * A = V diag(λ) Vᵀ of a symmetric matrix: λ ascends, the entry of largest magnitude of every column of V is positive.
 * Backward stable: λ is accurate to a few units in the last place of |λ|max.
 */
export function eigh(work: Workspace, source: Source, values: Floats, vectors: Floats | undefined): void {
  const n = source.rows;
  if (n === 0) return;
  work.reserve(symmetricSize(n));
  const { grid: a, scale } = loadSymmetric(work, source);
  const { diagonal, beside, vectors: reflections, taus } = tridiagonalise(work, a);
  let rows: Grid | undefined;
  if (vectors) {
    rows = identity(work, n, n);
    applyTransposed(work, rows, reflections, taus, { shift: 1, identity: true });
  }
  tridiagonalQr(work, diagonal, beside, rows);
  const order = [...diagonal.keys()].sort((i, j) => (diagonal[i] ?? 0) - (diagonal[j] ?? 0) || i - j);
  for (let i = 0; i < n; i++) values[i] = (diagonal[order[i] ?? 0] ?? 0) / scale;
  if (!rows || !vectors) return;
  const of = rows;
  store(of, vectors, { transpose: true, order, scales: order.map((row) => signOfLargest(of, row)) });
}
