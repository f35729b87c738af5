import { reflect } from './householder.ts';
import { rotationSweeps, sweepRoom, tiny } from './rotations.ts';
import { address, type Grid, gridSize, padded, type View, type Workspace } from './workspace.ts';

/** A = Q B Pᵀ: B upper bidiagonal, the reflections of Q and P in the rows of `left` and `right`. */
export interface Bidiagonal {
  readonly diagonal: Float64Array;
  readonly above: Float64Array;
  readonly left: Grid;
  readonly leftTaus: Float64Array;
  readonly right: Grid;
  readonly rightTaus: Float64Array;
}

export const bidiagonalSize = (m: number, n: number): number =>
  gridSize(n, m) + gridSize(n, n) + 2 * gridSize(1, n) + 3 * gridSize(1, m);

/**
 * Householder bidiagonalisation of A [m, n], m ≥ n, which it overwrites (Golub & Kahan 1965). The two-sided update of a
 * step and the product with the next left vector are one pass over the matrix, the product with the right vector another.
 */
export function bidiagonalise(work: Workspace, a: Grid): Bidiagonal {
  const { rows: m, columns: n, stride, data } = a;
  const left = work.grid(n, m);
  const right = work.grid(n, n);
  const zero = work.grid(1, Math.max(m, n));
  const combined = [work.grid(1, n), work.grid(1, n)] as const;
  const projected = [work.grid(1, m), work.grid(1, m)] as const;
  const [diagonal, above] = [new Float64Array(n), new Float64Array(Math.max(0, n - 1))];
  const [leftTaus, rightTaus] = [new Float64Array(n), new Float64Array(Math.max(0, n - 1))];
  // What is still to be taken off A: u yᵀ + x vᵀ.
  let [u, y, x, v] = [zero.at, zero, zero, zero.at];
  let [uData, vData] = [zero.data, zero.data];
  let [uFrom, vFrom] = [0, 0];
  for (let k = 0; k < n; k++) {
    const leftRow = k * left.stride;
    const [yk, vk] = [y.data[k] ?? 0, vData[vFrom + k] ?? 0];
    for (let i = k; i < m; i++) {
      left.data[leftRow + i] = (data[i * stride + k] ?? 0) - (uData[uFrom + i] ?? 0) * yk - (x.data[i] ?? 0) * vk;
    }
    const column = reflect(left.data, leftRow + k, leftRow + m);
    diagonal[k] = column.beta;
    leftTaus[k] = column.tau;
    if (k === n - 1) break;

    // Rows and columns before k are done: what is stored there is read and never used, the vectors are zero there.
    const from = k - (k % 4);
    const nextU = address(left, k);
    const nextY = combined[k % 2] ?? zero;
    const nextX = projected[k % 2] ?? zero;
    nextY.data.fill(0);
    const [rows, bytes] = [m - from, 8 * (padded(n, 4) - from)];
    const [byRow, byColumn] = [(at: number) => at + 8 * from, (at: number) => at + 8 * from];
    work.kernels.updateAndCombine(
      address(a, from, from),
      stride * 8,
      rows,
      bytes,
      byRow(u),
      byColumn(y.at),
      byRow(x.at),
      byColumn(v),
      byRow(nextU),
      byColumn(nextY.at),
    );
    const ys = nextY.data;
    ys.fill(0, 0, k + 1);
    const rightRow = k * right.stride;
    for (let j = k + 1; j < n; j++) {
      ys[j] = (ys[j] ?? 0) * column.tau;
      right.data[rightRow + j] = (data[k * stride + j] ?? 0) - (ys[j] ?? 0);
    }
    const row = reflect(right.data, rightRow + k + 1, rightRow + n);
    above[k] = row.beta;
    rightTaus[k] = row.tau;

    const nextV = address(right, k);
    work.kernels.dots(address(a, from, from), stride * 8, rows, bytes, byColumn(nextV), byRow(nextX.at));
    let overlap = 0;
    for (let j = k + 1; j < n; j++) overlap += (ys[j] ?? 0) * (right.data[rightRow + j] ?? 0);
    const xs = nextX.data;
    xs.fill(0, 0, k + 1);
    for (let i = k + 1; i < m; i++) {
      xs[i] = row.tau * ((xs[i] ?? 0) - overlap * (left.data[leftRow + i] ?? 0));
    }
    xs.fill(0, m);
    [u, y, x, v] = [nextU, nextY, nextX, nextV];
    [uData, uFrom, vData, vFrom] = [left.data, leftRow, right.data, rightRow];
  }
  return { diagonal, above, left, leftTaus, right, rightTaus };
}

export const bidiagonalSvdSize = (n: number): number => 2 * sweepRoom(n);

/**
 * Singular values of an upper bidiagonal matrix by implicitly shifted QR (Golub & Van Loan 2013, §8.6.2; zero shifts as in
 * Demmel & Kahan 1990): `d` becomes them, signed and in no order; the rotations go to the rows of `ut` and `vt`.
 * Throws Error after 30 sweeps per value.
 */
export function bidiagonalSvd(
  work: Workspace,
  d: Float64Array,
  e: Float64Array,
  ut: View | undefined,
  vt: View | undefined,
): void {
  const n = d.length;
  const [lefts, rights] = [rotationSweeps(work, n, ut), rotationSweeps(work, n, vt)];
  let size = 0;
  for (let i = 0; i < n; i++) size = Math.max(size, Math.abs(d[i] ?? 0), Math.abs(e[i] ?? 0));
  const unit = Number.EPSILON / 2;
  // Zeroing an entry this small is less than what the reduction rounded.
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
    if (sweepsLeft-- === 0) throw new Error(`Expected singular values after ${30 * n} sweeps but ${high + 1} are left`);

    let smallest = Infinity;
    for (let i = low; i <= high; i++) {
      if (Math.abs(d[i] ?? 0) <= floor) d[i] = 0;
      smallest = Math.min(smallest, Math.abs(d[i] ?? 0));
    }
    // The smaller singular value of the last two rows: σ₁ ± σ₂ = √((|f| ± |h|)² + g²).
    const [f, g, h] = [Math.abs(d[high - 1] ?? 0), e[high - 1] ?? 0, Math.abs(d[high] ?? 0)];
    const larger = (Math.sqrt((f + h) ** 2 + g * g) + Math.sqrt((f - h) ** 2 + g * g)) / 2;
    const shift = smallest === 0 ? 0 : (f / larger) * h;
    const first = d[low] ?? 0;
    const squared = shift / Math.abs(first);
    const ignored = !(squared * squared > unit);
    let along = ignored ? first : (Math.abs(first) - shift) * (Math.sign(first) + shift / first);
    let across = e[low] ?? 0;
    rights.begin(low, high - low);
    lefts.begin(low, high - low);
    for (let i = low; i < high; i++) {
      let length = Math.sqrt(along * along + across * across);
      let c = length < tiny ? 1 : along / length;
      let s = length < tiny ? 0 : across / length;
      rights.add(c, s);
      if (i > low) e[i - 1] = length;
      const di = d[i] ?? 0;
      const ei = e[i] ?? 0;
      const below = d[i + 1] ?? 0;
      along = c * di + s * ei;
      const kept = c * ei - s * di;
      across = s * below;
      const under = c * below;
      length = Math.sqrt(along * along + across * across);
      c = length < tiny ? 1 : along / length;
      s = length < tiny ? 0 : across / length;
      lefts.add(c, s);
      d[i] = length;
      along = c * kept + s * under;
      d[i + 1] = c * under - s * kept;
      if (i + 1 < high) {
        const further = e[i + 1] ?? 0;
        across = s * further;
        e[i + 1] = c * further;
      }
    }
    e[high - 1] = along;
  }
  lefts.flush();
  rights.flush();
}
