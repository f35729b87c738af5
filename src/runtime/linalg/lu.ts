import { identity, load, type Floats, type Source, store, scaleOf } from './matrices.ts';
import { addRow, solveTriangular } from './triangular.ts';
import { type Grid, gridSize, view, type Workspace } from './workspace.ts';

const blockSize = 32;

function swapRows({ data, stride }: Grid, i: number, k: number): void {
  const [a, b] = [i * stride, k * stride];
  const kept = data.slice(a, a + stride);
  data.copyWithin(a, b, b + stride);
  data.set(kept, b);
}

/** P A = L U in place, the rows of `companion` swapped alike (blocked right-looking; Golub & Van Loan 2013, §3.2.11). */
function factor(work: Workspace, a: Grid, companion: Grid): void {
  const { rows: n, data, stride } = a;
  for (let start = 0; start < n; start += blockSize) {
    const end = Math.min(n, start + blockSize);
    for (let j = start; j < end; j++) {
      let pivot = j;
      for (let i = j + 1; i < n; i++) {
        if (Math.abs(data[i * stride + j] ?? 0) > Math.abs(data[pivot * stride + j] ?? 0)) pivot = i;
      }
      const value = data[pivot * stride + j] ?? 0;
      if (value === 0) throw new RangeError(`Expected an invertible matrix but found no pivot for column ${j}`);
      if (pivot !== j) for (const grid of [a, companion]) swapRows(grid, pivot, j);
      for (let i = j + 1; i < n; i++) {
        const share = (data[i * stride + j] ?? 0) / value;
        data[i * stride + j] = share;
        addRow(a, i, j, -share, j + 1, end);
      }
    }
    if (end === n) return;
    for (let i = start + 1; i < end; i++) {
      for (let k = start; k < i; k++) addRow(a, i, k, -(data[i * stride + k] ?? 0), end, n);
    }
    const [l, u] = [view(a, end, start, n - end, end - start), view(a, start, end, end - start, n - end)];
    work.gemm(view(a, end, end, n - end, n - end), l, u, { alpha: -1 });
  }
}

/** X with A X = B by LU with partial pivoting; B the identity where it is left out. Throws RangeError where a pivot is zero. */
export function solve(work: Workspace, source: Source, right: Source | undefined, out: Floats): void {
  const n = source.rows;
  work.reserve(gridSize(n, n) + gridSize(n, right?.columns ?? n));
  const scale = scaleOf(source.data);
  const a = load(work, source, false, scale);
  const x = right ? load(work, right) : identity(work, n, n);
  factor(work, a, x);
  solveTriangular(work, a, x, { lower: true, unit: true });
  solveTriangular(work, a, x, { lower: false });
  store(x, out, { scales: new Float64Array(n).fill(scale) });
}
