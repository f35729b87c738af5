import { fillNormal, randomKey } from '../../ir/random.ts';
import { applyBlockSize } from './householder.ts';
import { type Floats, load, scaleOf, signOfLargest, type Source, store } from './matrices.ts';
import { orthonormalRows } from './qr.ts';
import { svd } from './svd.ts';
import { type Grid, gridSize, type Workspace } from './workspace.ts';

export interface LowRankOptions {
  /** Singular values and vectors wanted. */
  readonly rank: number;
  /** Further random directions that make the wanted ones more exact. */
  readonly oversampling: number;
  /** Products with A Aᵀ, which part the wanted values from the rest. */
  readonly iterations: number;
  readonly seed: number;
}

/** The largest singular values and their vectors by randomised subspace iteration (Halko et al. 2011, algorithms 4.4 and 5.1). */
export function svdLowRank(
  work: Workspace,
  source: Source,
  out: { readonly u: Floats; readonly s: Floats; readonly vt: Floats },
  { rank, oversampling, iterations, seed }: LowRankOptions,
): void {
  const { rows: m, columns: n } = source;
  const l = Math.min(rank + oversampling, m, n);
  const noise = new Float32Array(l * n);
  fillNormal(noise, randomKey(seed, 'svdLowRank', 0), 0);
  const scale = scaleOf(source.data);
  const long = Math.max(m, n);
  work.reserve(gridSize(m, n) + 8 * gridSize(l, long) + 2 * gridSize(l, l) + 2 * applyBlockSize(long));
  const a = load(work, source, false, scale);
  const start = load(work, { data: noise, rows: l, columns: n });
  const basis = work.grid(l, m);
  work.gemm(basis, start, a, { transposeB: true });
  const orthonormal = (rows: Grid): void => work.scoped(() => rows.data.set(orthonormalRows(work, rows).data));
  orthonormal(basis);
  for (let step = 0; step < iterations; step++) {
    work.scoped(() => {
      const across = work.grid(l, n);
      work.gemm(across, basis, a);
      orthonormal(across);
      basis.data.fill(0);
      work.gemm(basis, across, a, { transposeB: true });
    });
    orthonormal(basis);
  }
  const projected = work.grid(l, n);
  work.gemm(projected, basis, a);
  const [inside, directions] = [new Float64Array(l * n), new Float64Array(l * m)];
  store(projected, inside);
  store(basis, directions);

  const [u, s, vt] = [new Float64Array(l * l), new Float64Array(l), new Float64Array(l * n)];
  svd(work, { data: inside, rows: l, columns: n }, { u, s, vt }, false);
  work.reserve(gridSize(l, m) + gridSize(l, l) + gridSize(rank, m) + gridSize(l, n));
  const lefts = work.grid(rank, m);
  const inner = load(work, { data: u, rows: l, columns: l });
  work.gemm(lefts, { ...inner, columns: rank }, load(work, { data: directions, rows: l, columns: m }), {
    transposeA: true,
  });
  const signs = Array.from({ length: rank }, (_, i) => signOfLargest(lefts, i));
  store(lefts, out.u, { transpose: true, scales: signs });
  store(load(work, { data: vt, rows: l, columns: n }), out.vt, { rows: rank, scales: signs });
  for (let i = 0; i < rank; i++) out.s[i] = (s[i] ?? 0) / scale;
}
