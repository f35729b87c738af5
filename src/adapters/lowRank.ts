/** Factors A [r, in] and B [out, r] of a low-rank term and what it counts. */
export interface LowRankValues {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly rank: number;
  readonly scale: number;
}

/** Calls `row` with the index and the values, in f64, of each row of s B A. */
function eachRow({ a, b, rank, scale }: LowRankValues, row: (index: number, values: Float64Array) => void): void {
  const [inner, outer] = [a.length / rank, b.length / rank];
  const sums = new Float64Array(inner);
  for (let o = 0; o < outer; o++) {
    sums.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = scale * (b[o * rank + r] ?? 0);
      for (let i = 0; i < inner; i++) sums[i] = (sums[i] ?? 0) + factor * (a[r * inner + i] ?? 0);
    }
    row(o, sums);
  }
}

/** W + s B A for W [out, in], summed in f64 and rounded once. */
export function addLowRank(weight: Float32Array, factors: LowRankValues): void {
  eachRow(factors, (o, sums) => {
    const start = o * sums.length;
    for (let i = 0; i < sums.length; i++) weight[start + i] = (weight[start + i] ?? 0) + (sums[i] ?? 0);
  });
}

/** (W + s B A)ᵀ in place of W for W [in, out]: an embedding's table. */
export function addLowRankTransposed(weight: Float32Array, factors: LowRankValues): void {
  const outer = factors.b.length / factors.rank;
  eachRow(factors, (o, sums) => {
    for (let i = 0; i < sums.length; i++) weight[i * outer + o] = (weight[i * outer + o] ?? 0) + (sums[i] ?? 0);
  });
}

/** ‖column‖ of W [rows, columns], in f64. */
export function columnNorms(weight: Float32Array, columns: number): Float64Array {
  const totals = new Float64Array(columns);
  for (let i = 0; i < weight.length; i++) totals[i % columns] = (totals[i % columns] ?? 0) + (weight[i] ?? 0) ** 2;
  return totals.map(Math.sqrt);
}

/** ‖row‖ of W [rows, columns], in f64. */
export function rowNorms(weight: Float32Array, columns: number): Float64Array {
  return Float64Array.from({ length: weight.length / columns }, (_, row) => {
    let total = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) total += (weight[i] ?? 0) ** 2;
    return Math.sqrt(total);
  });
}
