import type { MatrixInput, Svd } from '../../src/runtime/linalg/service.ts';

/** The shapes of a file of matrices. */
export interface MatrixFile {
  readonly shapes: readonly (readonly [number, number])[];
}

/** The linear weights of a layer of a 135M Llama (SmolLM2): q, k, v, o, gate, up, down. */
export const layerShapes: MatrixFile['shapes'] = [
  [576, 576],
  [192, 576],
  [192, 576],
  [576, 576],
  [1536, 576],
  [1536, 576],
  [576, 1536],
];

/** |A - U S Vᵀ| / |A| and the larger of |UᵀU - I| and |V Vᵀ - I| by entry, in f64. */
export function residuals(
  { shape, data }: MatrixInput<Float32Array>,
  { u, s, vt }: Svd<Float32Array>,
): { readonly reconstruction: number; readonly orthogonality: number } {
  const [m = 0, n = 0] = shape;
  const k = s.data.length;
  let [error, size] = [0, 0];
  const row = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    row.fill(0);
    for (let p = 0; p < k; p++) {
      const factor = (u.data[i * k + p] ?? 0) * (s.data[p] ?? 0);
      for (let j = 0; j < n; j++) row[j] = (row[j] ?? 0) + factor * (vt.data[p * n + j] ?? 0);
    }
    for (let j = 0; j < n; j++) {
      const value = data[i * n + j] ?? 0;
      error += (value - (row[j] ?? 0)) ** 2;
      size += value * value;
    }
  }
  const left = gramError(m, k, (i, p) => u.data[i * k + p] ?? 0);
  const right = gramError(n, k, (j, p) => vt.data[p * n + j] ?? 0);
  return { reconstruction: Math.sqrt(error / size), orthogonality: Math.max(left, right) };
}

/** The largest entry of XᵀX - I for X [rows, columns]. */
function gramError(rows: number, columns: number, entry: (i: number, p: number) => number): number {
  const gram = new Float64Array(columns * columns);
  for (let i = 0; i < rows; i++) {
    for (let p = 0; p < columns; p++) {
      const value = entry(i, p);
      for (let q = 0; q <= p; q++) gram[p * columns + q] = (gram[p * columns + q] ?? 0) + value * entry(i, q);
    }
  }
  let worst = 0;
  for (let p = 0; p < columns; p++) {
    for (let q = 0; q <= p; q++) worst = Math.max(worst, Math.abs((gram[p * columns + q] ?? 0) - (p === q ? 1 : 0)));
  }
  return worst;
}
