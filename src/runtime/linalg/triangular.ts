import { type Grid, view, type Workspace } from './workspace.ts';

const blockSize = 32;

/** X ← T⁻¹ X in place for triangular T, of which the other triangle is not read; `transpose` solves with Tᵀ. */
export function solveTriangular(
  work: Workspace,
  t: Grid,
  x: Grid,
  {
    lower,
    unit = false,
    transpose = false,
  }: { readonly lower: boolean; readonly unit?: boolean; readonly transpose?: boolean },
): void {
  const n = t.rows;
  const forward = lower !== transpose;
  const [down, right] = transpose ? [1, t.stride] : [t.stride, 1];
  const blocks = Math.ceil(n / blockSize);
  for (let index = 0; index < blocks; index++) {
    const start = (forward ? index : blocks - 1 - index) * blockSize;
    const end = Math.min(n, start + blockSize);
    const [from, to] = forward ? [0, start] : [end, n];
    if (to > from) {
      const known = view(x, from, 0, to - from, x.columns);
      const block = view(x, start, 0, end - start, x.columns);
      const factor = transpose
        ? view(t, from, start, to - from, end - start)
        : view(t, start, from, end - start, to - from);
      work.gemm(block, factor, known, { alpha: -1, transposeA: transpose });
    }
    for (let step = 0; step < end - start; step++) {
      const i = forward ? start + step : end - 1 - step;
      for (let k = forward ? start : i + 1; k < (forward ? i : end); k++) {
        addRow(x, i, k, -(t.data[i * down + k * right] ?? 0));
      }
      const pivot = t.data[i * down + i * right] ?? 0;
      if (!unit)
        for (let at = i * x.stride; at < i * x.stride + x.columns; at++) x.data[at] = (x.data[at] ?? 0) / pivot;
    }
  }
}

/** Row i of X plus a multiple of row k, from a column on. */
export function addRow(x: Grid, i: number, k: number, factor: number, from = 0, to = x.columns): void {
  if (factor === 0) return;
  const { data, stride } = x;
  for (let j = from; j < to; j++)
    data[i * stride + j] = (data[i * stride + j] ?? 0) + factor * (data[k * stride + j] ?? 0);
}
