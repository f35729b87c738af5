import { type DType, type Shape, sizeOf, type TensorType } from '../ir/types.ts';

/** Memory of a tensor: f32 as Float32Array, i32 as Int32Array, bool as Uint8Array of 0 and 1, u8 as Uint8Array. */
export type TensorData = Float32Array | Int32Array | Uint8Array;

/** A dense array in row-major order that programs read and write in place. */
export interface Tensor extends TensorType {
  readonly data: TensorData;
}

const bytesPerElement: Record<DType, number> = { f32: 4, i32: 4, bool: 1, u8: 1 };

export const bytesOfType = (type: TensorType): number => sizeOf(type.shape) * bytesPerElement[type.dtype];

/** A view of `count` elements on memory that the garbage collector does not move. */
export function viewOf(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, count: number): TensorData {
  if (dtype === 'f32') return new Float32Array(buffer, byteOffset, count);
  return dtype === 'i32' ? new Int32Array(buffer, byteOffset, count) : new Uint8Array(buffer, byteOffset, count);
}

/** A zeroed tensor with memory of its own, which other threads may write where it is shared. */
export function allocate(dtype: DType, shape: Shape, options: { readonly shared?: boolean } = {}): Tensor {
  const count = sizeOf(shape);
  const bytes = Math.max(1, count) * bytesPerElement[dtype];
  const buffer = options.shared === true ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  const data = viewOf(dtype, buffer, 0, count);
  return { dtype, shape, data };
}

/** A tensor of the given elements. Throws RangeError when their number is not the shape's. */
export function tensor(dtype: DType, shape: Shape, values: ArrayLike<number>): Tensor {
  const made = allocate(dtype, shape);
  if (values.length !== made.data.length)
    throw new RangeError(`Expected ${made.data.length} elements but found ${values.length}`);
  made.data.set(values);
  return made;
}
