/** Element types of the values that a program computes with; u8 holds quantised weights, which `dequantize` alone reads. Storage types of weights are the runtime's (see runtime/storage.ts). */
export type DType = 'f32' | 'i32' | 'bool' | 'u8';

/** Sizes of a value's axes, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** Element type and static shape of a value. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A dense array in row-major order; every dtype is held in f64, booleans as 0 and 1. What the f64 reference computes with. */
export interface Dense {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: Float64Array;
}

export const tensorType = (dtype: DType, shape: Shape): TensorType => ({ dtype, shape });

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const dim of shape) size *= dim;
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

export const formatShape = (shape: Shape): string => `[${shape.join(', ')}]`;

export const formatType = (type: TensorType): string => `${type.dtype}${formatShape(type.shape)}`;

/** Size of one axis; negative axes count from the end. Throws RangeError outside the rank. */
export function dimAt(shape: Shape, axis: number): number {
  const dim = shape[axis < 0 ? axis + shape.length : axis];
  if (dim === undefined) throw new RangeError(`Expected an axis within ${formatShape(shape)} but found ${axis}`);
  return dim;
}

/** A non-negative axis index. Throws RangeError outside the rank. */
export function normalizeAxis(axis: number, rank: number): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normalized < 0 || normalized >= rank) {
    throw new RangeError(`Expected an axis in [${-rank}, ${rank}) but found ${axis}`);
  }
  return normalized;
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= dimAt(shape, axis);
  }
  return strides;
}

/** NumPy broadcasting of two shapes. Throws RangeError naming both. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const x = a[axis - rank + a.length] ?? 1;
    const y = b[axis - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new RangeError(`Expected shapes that broadcast but found ${formatShape(a)} and ${formatShape(b)}`);
    }
    shape.push(x === 1 ? y : x);
  }
  return shape;
}
