import { bidiagonalise, bidiagonalSize, bidiagonalSvd, bidiagonalSvdSize } from './bidiagonal.ts';
import { applyBlockSize, applyTransposed, blockSize, factorRows } from './householder.ts';
import { type Floats, identity, load, scaleOf, signOfLargest, type Source, store } from './matrices.ts';
import { type Grid, gridSize, view, type Workspace } from './workspace.ts';

/** Where the factors of one matrix go; u and vt are left out for values alone. */
export interface SvdOut {
  readonly s: Floats;
  readonly u?: Floats;
  readonly vt?: Floats;
}

/** From how many rows per column on a QR factorisation first is fewer operations. */
const tallFrom = 1.5;

function svdSize(m: number, n: number, vectors: boolean, full: boolean): number {
  const first = m > tallFrom * n ? gridSize(n, m) + gridSize(n, n) + gridSize(1, blockSize + 4) : gridSize(m, n);
  const factors = vectors ? gridSize(full ? m : n, m) + gridSize(n, n) + bidiagonalSvdSize(n) : 0;
  return (
    first +
    bidiagonalSize(Math.min(m, Math.max(n, Math.floor(tallFrom * n))), n) +
    factors +
    applyBlockSize(full ? m : n)
  );
}

/**
 * A = U diag(s) Vᵀ in f64: Householder QR first where A is tall, bidiagonalisation, implicitly shifted QR. s descends; the
 * entry of largest magnitude of every left vector is positive. Backward stable: s is accurate to a few units in the last
 * place of s₁. `full` completes U or V to a square matrix.
 */
export function svd(work: Workspace, source: Source, out: SvdOut, full: boolean): void {
  const wide = source.rows < source.columns;
  const [m, n] = wide ? [source.columns, source.rows] : [source.rows, source.columns];
  if (n === 0) return completeEmpty(out);
  const vectors = out.u !== undefined && out.vt !== undefined;
  work.reserve(svdSize(m, n, vectors, full));
  const scale = scaleOf(source.data);
  const tall = m > tallFrom * n;

  // Of the taller of A and Aᵀ: its columns as rows for QR, itself for the bidiagonalisation.
  const loaded = load(work, source, tall !== wide, scale);
  const first = tall ? { ...factorRows(work, loaded), rows: loaded } : undefined;
  const { diagonal: d, above, left, leftTaus, right, rightTaus } = bidiagonalise(work, first?.r ?? loaded);
  let ut: Grid | undefined;
  let vt: Grid | undefined;
  if (vectors) {
    ut = identity(work, full ? m : n, m);
    applyTransposed(work, ut, left, leftTaus, { identity: true });
    vt = identity(work, n, n);
    applyTransposed(work, vt, right, rightTaus, { shift: 1, identity: true });
  }
  bidiagonalSvd(work, d, above, ut && view(ut, 0, 0, n, left.columns), vt);
  if (ut && first) applyTransposed(work, ut, first.rows, first.taus);

  const order = [...d.keys()].sort((i, j) => Math.abs(d[j] ?? 0) - Math.abs(d[i] ?? 0) || i - j);
  for (let i = 0; i < n; i++) out.s[i] = Math.abs(d[order[i] ?? 0] ?? 0) / scale;
  if (!out.u || !out.vt || !ut || !vt) return;
  const [lefts, rights] = wide ? [vt, ut] : [ut, vt];
  const rowsOf = (grid: Grid): number[] => [...order, ...Array.from({ length: grid.rows - n }, (_, i) => n + i)];
  const signs = rowsOf(lefts).map((row) => signOfLargest(lefts, row));
  const opposite = rowsOf(rights).map((row, i) =>
    i < n ? (signs[i] ?? 1) * ((d[row] ?? 0) < 0 ? -1 : 1) : signOfLargest(rights, row),
  );
  store(lefts, out.u, { transpose: true, order: rowsOf(lefts), scales: signs });
  store(rights, out.vt, { order: rowsOf(rights), scales: opposite });
}

/** Of a matrix without entries the full factor is the identity. */
function completeEmpty({ u, vt }: SvdOut): void {
  for (const factor of [u, vt]) {
    const size = Math.round(Math.sqrt(factor?.length ?? 0));
    for (let i = 0; i < size; i++) if (factor) factor[i * (size + 1)] = 1;
  }
}
