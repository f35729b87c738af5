import type { Floats } from './matrices.ts';
import type { Matrix } from './service.ts';

/**
 * How well each of the first k columns of U [m, p] is met by a column of V [m, q]: max_j |⟨u_i, v_j⟩|, in [0, 1] where the
 * columns have length 1.
 */
export function columnSimilarities<T extends Floats>(u: Matrix<T>, v: Matrix<T>, k: number): number[] {
  const [rows = 0, p = 0] = u.shape;
  const [, q = 0] = v.shape;
  return Array.from({ length: Math.min(k, p) }, (_, i) => {
    const products = new Float64Array(q);
    for (let row = 0; row < rows; row++) {
      const own = u.data[row * p + i] ?? 0;
      for (let j = 0; j < q; j++) products[j] = (products[j] ?? 0) + own * (v.data[row * q + j] ?? 0);
    }
    return products.reduce((most, product) => Math.max(most, Math.abs(product)), 0);
  });
}
