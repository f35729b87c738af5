import { el } from '../dense.ts';
import type { Dense, Shape, TensorType } from '../types.ts';
import { dimAt, formatShape, formatType, sizeOf } from '../types.ts';

/** Throws unless the index is i32 and its shape is `shape` but for the axis. */
export function checkAlong(index: TensorType, shape: Shape, axis: number): void {
  dimAt(shape, axis);
  const fits = index.shape.length === shape.length && shape.every((dim, i) => i === axis || dim === index.shape[i]);
  if (index.dtype !== 'i32' || !fits) {
    throw new TypeError(
      `Expected i32 indices of shape ${formatShape(shape)} but for axis ${axis}, found ${formatType(index)}`,
    );
  }
}

/** Calls `visit` with the flat place of each index and the flat place that it names in an array of `dim` along the axis. */
export function forEachAlong(
  index: Dense,
  axis: number,
  dim: number,
  visit: (at: number, named: number) => void,
): void {
  const inner = sizeOf(index.shape.slice(axis + 1));
  const count = dimAt(index.shape, axis);
  for (let i = 0; i < index.data.length; i++) {
    const place = el(index.data, i);
    if (place < 0 || place >= dim) throw new RangeError(`Expected indices in [0, ${dim}) but found ${place} at ${i}`);
    visit(i, (Math.floor(i / (count * inner)) * dim + place) * inner + (i % inner));
  }
}
