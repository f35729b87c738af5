import { linearTensors, type MergedWeights, readValues, transposeValues } from '../adapters/mergedWeights.ts';
import { formatShape, sameShape } from '../ir/types.ts';

/** One linear layer's weight before and after, as [out, in]. */
export interface LinearPair {
  readonly name: string;
  readonly shape: readonly [number, number];
  readonly before: Float32Array;
  readonly after: Float32Array;
}

/** The number in the name of a block's tensor. */
const blockOf = (name: string): number => Number(/\.(\d+)\./.exec(name)?.[1] ?? NaN);

/** Names of a model's linear weights, of all blocks unless their numbers are given. RangeError naming a block that is not there. */
export function linearNames(weights: MergedWeights, blocks?: readonly number[]): string[] {
  const names = [...linearTensors(weights).keys()];
  if (blocks === undefined) return names;
  const there = new Set(names.map(blockOf));
  const missing = blocks.find((block) => !there.has(block));
  if (missing !== undefined)
    throw new RangeError(
      `layers: expected numbers of blocks of ${weights.checkpoint.path}, at most ${Math.max(...[...there].filter(Number.isInteger))}, but found ${missing}`,
    );
  return names.filter((name) => blocks.includes(blockOf(name)));
}

/** The linear layers of these names of two models of one shape, those whose weights differ. RangeError naming what one lacks or has in another shape. */
export async function* changedLinears(
  before: MergedWeights,
  after: MergedWeights,
  names: readonly string[],
): AsyncGenerator<LinearPair> {
  const theirs = new Map(after.tensors.map(({ source }) => [source.name, source]));
  const linears = linearTensors(before);
  for (const name of names) {
    const transposed = linears.get(name)?.transposed;
    const [own, other] = [before.tensors.find(({ source }) => source.name === name)?.source, theirs.get(name)];
    if (!own) continue;
    if (!other || !sameShape(other.shape, own.shape)) {
      throw new RangeError(
        `${after.checkpoint.path}: expected ${name} ${formatShape(own.shape)} but found ${other ? formatShape(other.shape) : 'none'}`,
      );
    }
    const [rows = 0, columns = 0] = own.shape;
    const [from, to] = [await readValues(own), await readValues(other)];
    if (from.every((value, at) => value === to[at])) continue;
    yield transposed === true
      ? {
          name,
          shape: [columns, rows],
          before: transposeValues(from, rows, columns),
          after: transposeValues(to, rows, columns),
        }
      : { name, shape: [rows, columns], before: from, after: to };
  }
}
