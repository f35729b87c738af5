/** 95% interval of a share of `hits` in `count` trials, both ends within [0, 1] (Wilson 1927). RangeError unless 0 ≤ hits ≤ count and count > 0. */
export function wilson(hits: number, count: number): readonly [low: number, high: number] {
  if (!(count > 0 && hits >= 0 && hits <= count))
    throw new RangeError(`Expected hits of at least one trial but found ${hits} of ${count}`);
  const z = 1.959963984540054;
  const share = hits / count;
  const scale = 1 + (z * z) / count;
  const centre = (share + (z * z) / (2 * count)) / scale;
  const half = (z / scale) * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count));
  // At the ends the sums leave rounding where the formula is exact.
  return [hits === 0 ? 0 : centre - half, hits === count ? 1 : centre + half];
}
