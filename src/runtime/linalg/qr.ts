import { applyBlockSize, applyTransposed, blockSize, factorRows } from './householder.ts';
import { type Floats, identity, load, scaleOf, type Source, store } from './matrices.ts';
import { type Grid, gridSize, type Workspace } from './workspace.ts';

const qrSize = (m: number, n: number, full: boolean): number => {
  const k = Math.min(m, n);
  return (
    gridSize(n, m) +
    gridSize(k, n) +
    gridSize(1, blockSize + 4) +
    gridSize(full ? m : k, m) +
    applyBlockSize(Math.max(m, n))
  );
};

/** A = Q R by blocked Householder reflections; the diagonal of R is not negative. Thin, or `full` with square Q. */
export function qr(work: Workspace, source: Source, q: Floats, r: Floats, full: boolean): void {
  const { rows: m, columns: n } = source;
  const k = Math.min(m, n);
  work.reserve(qrSize(m, n, full));
  const scale = scaleOf(source.data);
  const columns = load(work, source, true, scale);
  const { r: upper, taus } = factorRows(work, columns);
  const rows = identity(work, full ? m : k, m);
  applyTransposed(work, rows, columns, taus, { identity: true });
  const signs = Array.from({ length: full ? m : k }, (_, i) =>
    (upper.data[i * upper.stride + i] ?? 0) < 0 && i < k ? -1 : 1,
  );
  store(rows, q, { transpose: true, scales: signs });
  store(upper, r, { scales: signs.slice(0, k).map((sign) => sign / scale) });
}

/** Orthonormal rows that span the rows of A (fewer rows than columns), which is overwritten. */
export function orthonormalRows(work: Workspace, a: Grid): Grid {
  const { taus } = factorRows(work, a);
  const rows = identity(work, a.rows, a.columns);
  applyTransposed(work, rows, a, taus, { identity: true });
  return rows;
}
