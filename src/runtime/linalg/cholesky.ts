import { type Floats, loadSymmetric, type Source, store } from './matrices.ts';
import { gridSize, view, type Workspace } from './workspace.ts';

const blockSize = 32;

/** Lower triangular L with A = L Lᵀ, blocked by columns. Throws RangeError that names the column without a positive pivot. */
export function cholesky(work: Workspace, source: Source, out: Floats): void {
  const n = source.rows;
  work.reserve(gridSize(n, n));
  const { grid: a, scale } = loadSymmetric(work, source, 4);
  const { data, stride } = a;
  for (let start = 0; start < n; start += blockSize) {
    const end = Math.min(n, start + blockSize);
    const done = view(a, start, 0, n - start, start);
    if (start > 0) {
      work.gemm(view(a, start, start, n - start, end - start), done, view(a, start, 0, end - start, start), {
        alpha: -1,
        transposeB: true,
      });
    }
    for (let j = start; j < end; j++) {
      for (let i = j; i < n; i++) {
        let sum = data[i * stride + j] ?? 0;
        for (let k = start; k < j; k++) sum -= (data[i * stride + k] ?? 0) * (data[j * stride + k] ?? 0);
        if (i > j) data[i * stride + j] = sum / (data[j * stride + j] ?? 0);
        else if (sum > 0) data[j * stride + j] = Math.sqrt(sum);
        else
          throw new RangeError(`Expected a positive definite matrix but found the pivot ${sum / scale} in column ${j}`);
      }
    }
  }
  for (let i = 0; i < n; i++) data.fill(0, i * stride + i + 1, i * stride + n);
  store(a, out, { scales: new Float64Array(n).fill(1 / Math.sqrt(scale)) });
}
