/**
 * The length that rows are padded to: the next multiple of 16, or of an eighth of the power of two below where that is more, so that there
 * are eight lengths for each doubling, each a program that has to be compiled, and less than an eighth is padding from 128 tokens on.
 */
export function paddedLength(longest: number): number {
  const step = 2 ** Math.max(4, Math.ceil(Math.log2(Math.max(1, longest))) - 4);
  return Math.ceil(Math.max(1, longest) / step) * step;
}
