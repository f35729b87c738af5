import { type Floats, scaleOf, type Source } from './matrices.ts';

/** H = Qᵀ A Q upper Hessenberg, in place (Golub & Van Loan 2013, algorithm 7.4.2). */
function hessenberg(h: Float64Array, n: number): void {
  const v = new Float64Array(n);
  for (let k = 0; k + 2 < n; k++) {
    let norm = 0;
    for (let i = k + 1; i < n; i++) norm += (v[i] = h[i * n + k] ?? 0) ** 2;
    const alpha = v[k + 1] ?? 0;
    if (norm - alpha * alpha === 0) continue;
    const beta = alpha > 0 ? -Math.sqrt(norm) : Math.sqrt(norm);
    v[k + 1] = alpha - beta;
    const tau = 1 / (beta * (beta - alpha));
    reflectRows(h, n, v, k + 1, n, tau, k, n);
    reflectColumns(h, n, v, k + 1, n, tau, 0, n);
    h[(k + 1) * n + k] = beta;
    for (let i = k + 2; i < n; i++) h[i * n + k] = 0;
  }
}

/** Rows `from` to `to` of H ← (I - τ v vᵀ) H, columns `left` to `right`. */
function reflectRows(
  h: Float64Array,
  n: number,
  v: Float64Array,
  from: number,
  to: number,
  tau: number,
  left: number,
  right: number,
): void {
  const sums = new Float64Array(right - left);
  for (let i = from; i < to; i++) {
    const factor = tau * (v[i] ?? 0);
    for (let j = left; j < right; j++) sums[j - left] = (sums[j - left] ?? 0) + factor * (h[i * n + j] ?? 0);
  }
  for (let i = from; i < to; i++) {
    const factor = v[i] ?? 0;
    for (let j = left; j < right; j++) h[i * n + j] = (h[i * n + j] ?? 0) - factor * (sums[j - left] ?? 0);
  }
}

/** Columns `from` to `to` of H ← H (I - τ v vᵀ), rows `top` to `bottom`. */
function reflectColumns(
  h: Float64Array,
  n: number,
  v: Float64Array,
  from: number,
  to: number,
  tau: number,
  top: number,
  bottom: number,
): void {
  for (let i = top; i < bottom; i++) {
    let sum = 0;
    for (let j = from; j < to; j++) sum += (h[i * n + j] ?? 0) * (v[j] ?? 0);
    for (let j = from; j < to; j++) h[i * n + j] = (h[i * n + j] ?? 0) - tau * sum * (v[j] ?? 0);
  }
}

/** Eigenvalues of a general matrix by Francis's double-shift QR (Golub & Van Loan 2013, §7.5). Throws Error after 30 sweeps per value. */
export function eigenvalues(source: Source, re: Floats, im: Floats): void {
  const n = source.rows;
  const scale = scaleOf(source.data);
  const h = Float64Array.from(source.data, (value) => value * scale);
  const at = (i: number, j: number): number => h[i * n + j] ?? 0;
  hessenberg(h, n);
  const found: (readonly [number, number])[] = [];
  const v = new Float64Array(n);
  const unit = Number.EPSILON / 2;
  let sweeps = 0;
  let high = n - 1;
  while (high >= 0) {
    let low = high;
    while (low > 0) {
      const beside = Math.abs(at(low - 1, low - 1)) + Math.abs(at(low, low));
      if (Math.abs(at(low, low - 1)) <= unit * (beside === 0 ? 1 : beside)) break;
      low--;
    }
    if (low === high) {
      found.push([at(high, high), 0]);
      high--;
      sweeps = 0;
      continue;
    }
    const [a, b, c, d] = [at(high - 1, high - 1), at(high - 1, high), at(high, high - 1), at(high, high)];
    if (low === high - 1) {
      found.push(...ofTwo(a, b, c, d));
      high -= 2;
      sweeps = 0;
      continue;
    }
    if (++sweeps > 60) throw new Error(`Expected an eigenvalue after 60 sweeps but ${high + 1} are left`);
    // Every tenth sweep another shift breaks a cycle.
    const other = sweeps % 10 === 0 ? Math.abs(at(high, high - 1)) + Math.abs(at(high - 1, high - 2)) : 0;
    const [sum, product] = other > 0 ? [1.5 * other, other * other] : [a + d, a * d - b * c];
    const top = at(low, low);
    const bulge = [
      top * top + at(low, low + 1) * at(low + 1, low) - sum * top + product,
      at(low + 1, low) * (top + at(low + 1, low + 1) - sum),
      at(low + 1, low) * at(low + 2, low + 1),
    ];
    for (let k = low; k < high; k++) {
      const size = Math.min(3, high - k + 1);
      const largest = Math.max(...bulge.map(Math.abs));
      if (largest > 0) {
        let norm = 0;
        for (let i = 0; i < size; i++) norm += (v[k + i] = (bulge[i] ?? 0) / largest) ** 2;
        const alpha = v[k] ?? 0;
        const beta = alpha > 0 ? -Math.sqrt(norm) : Math.sqrt(norm);
        v[k] = alpha - beta;
        const tau = 1 / (beta * (beta - alpha));
        reflectRows(h, n, v, k, k + size, tau, Math.max(low, k - 1), high + 1);
        reflectColumns(h, n, v, k, k + size, tau, low, Math.min(high, k + 3) + 1);
      }
      if (k > low) for (let i = 1; i < size; i++) h[(k + i) * n + k - 1] = 0;
      for (let i = 0; i < 3; i++) bulge[i] = i < high - k ? at(k + 1 + i, k) : 0;
    }
  }
  found.sort((p, q) => q[0] ** 2 + q[1] ** 2 - p[0] ** 2 - p[1] ** 2 || q[0] - p[0] || q[1] - p[1]);
  for (const [i, value] of found.entries()) [re[i], im[i]] = [value[0] / scale, value[1] / scale];
}

/** Eigenvalues of [a, b; c, d]. */
function ofTwo(a: number, b: number, c: number, d: number): (readonly [number, number])[] {
  const half = (a - d) / 2;
  const inside = half * half + b * c;
  const middle = (a + d) / 2;
  if (inside < 0)
    return [
      [middle, Math.sqrt(-inside)],
      [middle, -Math.sqrt(-inside)],
    ];
  // The one farther from d first: the other follows from the product without cancellation.
  const farther = half + (half < 0 ? -1 : 1) * Math.sqrt(inside);
  return [
    [d + farther, 0],
    [farther === 0 ? d : d - (b * c) / farther, 0],
  ];
}
