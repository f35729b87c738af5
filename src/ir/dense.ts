import { broadcastShapes, type Dense, type DType, dimAt, type Shape, sizeOf, stridesOf } from './types.ts';

export function dense(dtype: DType, shape: Shape, data: ArrayLike<number>): Dense {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(`Expected ${sizeOf(shape)} elements for [${shape.join(', ')}] but found ${data.length}`);
  }
  return { dtype, shape, data: data instanceof Float64Array ? data : Float64Array.from(data) };
}

export const emptyDense = (dtype: DType, shape: Shape): Dense => ({
  dtype,
  shape,
  data: new Float64Array(sizeOf(shape)),
});

/** Element of a typed array that the caller knows to be within it. */
export function el(data: ArrayLike<number>, index: number): number {
  return data[index] as number;
}

/** Deterministic samples, roughly standard normal, rounded to f32 so that engines of f32 get the same numbers. */
export function normal(shape: Shape, seed: number, scale = 1): Dense {
  let state = (seed * 2654435761 + 12345) >>> 0;
  const uniform = () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39) >>> 0;
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 4294967296;
  };
  const data = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) {
    const radius = Math.sqrt(-2 * Math.log(uniform() + 1e-12));
    data[i] = Math.fround(radius * Math.cos(2 * Math.PI * uniform()) * scale);
  }
  return { dtype: 'f32', shape, data };
}

export const i32 = (shape: Shape, data: ArrayLike<number>): Dense => dense('i32', shape, data);
export const f32 = (shape: Shape, data: ArrayLike<number>): Dense =>
  dense('f32', shape, Float64Array.from(data, Math.fround));
export const bool = (shape: Shape, data: ArrayLike<number>): Dense => dense('bool', shape, data);

/** Calls `visit` with the flat index of the broadcast output and of each operand. */
export function forEachBroadcast(a: Shape, b: Shape, visit: (out: number, a: number, b: number) => void): Shape {
  const shape = broadcastShapes(a, b);
  const rank = shape.length;
  const size = sizeOf(shape);
  const strides = [a, b].map((operand) => {
    const own = stridesOf(operand);
    return shape.map((_, axis) => {
      const at = axis - rank + operand.length;
      return at < 0 || dimAt(operand, at) === 1 ? 0 : el(own, at);
    });
  });
  const [strideA, strideB] = strides as [number[], number[]];
  const counter = new Int32Array(rank);
  let indexA = 0;
  let indexB = 0;
  for (let out = 0; out < size; out++) {
    visit(out, indexA, indexB);
    for (let axis = rank - 1; axis >= 0; axis--) {
      indexA += el(strideA, axis);
      indexB += el(strideB, axis);
      const next = el(counter, axis) + 1;
      if (next < dimAt(shape, axis)) {
        counter[axis] = next;
        break;
      }
      indexA -= el(strideA, axis) * next;
      indexB -= el(strideB, axis) * next;
      counter[axis] = 0;
    }
  }
  return shape;
}
