import { type Floats, load, scaleOf, type Source, store } from './matrices.ts';
import { svd } from './svd.ts';
import { gridSize, type Workspace } from './workspace.ts';

/** A⁺ B with A⁺ the pseudo-inverse, singular values of at most `cutoff` · s₁ counted as zero; B the identity where it is left out. */
export function leastSquares(
  work: Workspace,
  source: Source,
  right: Source | undefined,
  cutoff: number,
  out: Floats,
  values?: Floats,
): void {
  const { rows: m, columns: n } = source;
  const k = Math.min(m, n);
  const [u, s, vt] = [new Float64Array(m * k), new Float64Array(k), new Float64Array(k * n)];
  svd(work, source, { u, s, vt }, false);
  for (let i = 0; i < (values?.length ?? 0); i++) if (values) values[i] = s[i] ?? 0;
  const width = right?.columns ?? m;
  work.reserve(gridSize(m, k) + gridSize(k, n) + gridSize(m, width) + gridSize(k, width) + gridSize(n, width));
  const lefts = load(work, { data: u, rows: m, columns: k });
  const rights = load(work, { data: vt, rows: k, columns: n });
  // Powers of two keep B and 1/s away from the ends of the exponent's range.
  const [scaleB, scaleS] = [right ? scaleOf(right.data) : 1, scaleOf(s)];
  let along = work.grid(k, width);
  if (right) work.gemm(along, lefts, load(work, right, false, scaleB), { transposeA: true });
  else along = load(work, { data: u, rows: m, columns: k }, true);
  for (let i = 0; i < k; i++) {
    const value = s[i] ?? 0;
    const factor = value > cutoff * (s[0] ?? 0) ? 1 / (value * scaleS) : 0;
    for (let at = i * along.stride; at < i * along.stride + width; at++)
      along.data[at] = (along.data[at] ?? 0) * factor;
  }
  const solution = work.grid(n, width);
  work.gemm(solution, rights, along, { transposeA: true });
  for (let i = 0; i < solution.data.length; i++) solution.data[i] = ((solution.data[i] ?? 0) * scaleS) / scaleB;
  store(solution, out);
}
