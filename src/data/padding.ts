/** How long an engine takes to load a program of another shape. */
export interface Loading {
  readonly slowToLoad?: boolean | undefined;
}

/**
 * The length that rows are padded to: the next multiple of 16, or of an eighth of the power of two below where that is more, so that there
 * are eight lengths for each doubling and less than an eighth is padding from 128 tokens on. Each length is a program: where those are
 * slow to load, above 64 tokens the next multiple of 64.
 */
export function paddedLength(longest: number, { slowToLoad = false }: Loading): number {
  const count = Math.max(1, longest);
  const fine = 2 ** Math.max(4, Math.ceil(Math.log2(count)) - 4);
  const step = slowToLoad && count > 64 ? Math.max(64, fine) : fine;
  return Math.ceil(count / step) * step;
}
