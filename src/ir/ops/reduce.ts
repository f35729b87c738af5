import { el, emptyDense } from '../dense.ts';
import { required } from '../graph.ts';
import {
  type Dense,
  dimAt,
  normalizeAxis,
  type Shape,
  sizeOf,
  stridesOf,
  type TensorType,
  tensorType,
} from '../types.ts';

/** Attributes of every reduction: the reduced axes, which stay with size 1 where `keepDims`. */
export type ReduceAttrs = { readonly axes: readonly number[]; readonly keepDims: boolean };

export function reducedShape(shape: Shape, { axes, keepDims }: ReduceAttrs): Shape {
  const reduced = new Set(axes.map((axis) => normalizeAxis(axis, shape.length)));
  if (reduced.size !== axes.length) throw new RangeError(`Expected different axes but found [${axes.join(', ')}]`);
  return keepDims
    ? shape.map((dim, axis) => (reduced.has(axis) ? 1 : dim))
    : shape.filter((_, axis) => !reduced.has(axis));
}

export function inferReduction(inputs: readonly (TensorType | null)[], attrs: ReduceAttrs): readonly TensorType[] {
  const x = required(inputs, 0);
  if (x.dtype !== 'f32' && x.dtype !== 'i32') throw new TypeError(`Expected f32 or i32 but found ${x.dtype}`);
  return [tensorType(x.dtype, reducedShape(x.shape, attrs))];
}

/** Folds the reduced axes of x in row-major order. */
export function reduceDense(
  x: Dense,
  attrs: ReduceAttrs,
  initial: number,
  fold: (total: number, x: number) => number,
): Dense {
  const kept = reducedShape(x.shape, { axes: attrs.axes, keepDims: true });
  const y = emptyDense(x.dtype, reducedShape(x.shape, attrs));
  y.data.fill(initial);
  const from = stridesOf(x.shape);
  const to = stridesOf(kept);
  for (let i = 0; i < sizeOf(x.shape); i++) {
    let index = 0;
    for (let axis = 0; axis < from.length; axis++) {
      if (dimAt(kept, axis) > 1) index += (Math.floor(i / el(from, axis)) % dimAt(x.shape, axis)) * el(to, axis);
    }
    y.data[index] = fold(el(y.data, index), el(x.data, i));
  }
  return y;
}
