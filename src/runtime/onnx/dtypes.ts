/** The array that holds the elements of each type at an ONNX boundary; f16 and bf16 are their 16 raw bits, bool is 0 or 1. */
export interface OnnxArrays {
  f32: Float32Array;
  f64: Float64Array;
  f16: Uint16Array;
  bf16: Uint16Array;
  i8: Int8Array;
  u8: Uint8Array;
  i32: Int32Array;
  u32: Uint32Array;
  i64: BigInt64Array;
  bool: Uint8Array;
}

export type OnnxElementType = keyof OnnxArrays;

export type OnnxArray = OnnxArrays[OnnxElementType];

interface ElementEntry<D extends OnnxElementType> {
  /** TensorProto.DataType, which is also ONNXTensorElementDataType. */
  readonly code: number;
  readonly array: {
    new (buffer: ArrayBufferLike, byteOffset: number, length: number): OnnxArrays[D];
    readonly BYTES_PER_ELEMENT: number;
  };
}

const elements: { readonly [D in OnnxElementType]: ElementEntry<D> } = {
  f32: { code: 1, array: Float32Array },
  u8: { code: 2, array: Uint8Array },
  i8: { code: 3, array: Int8Array },
  i32: { code: 6, array: Int32Array },
  i64: { code: 7, array: BigInt64Array },
  bool: { code: 9, array: Uint8Array },
  f16: { code: 10, array: Uint16Array },
  f64: { code: 11, array: Float64Array },
  u32: { code: 12, array: Uint32Array },
  bf16: { code: 16, array: Uint16Array },
};

/** TensorProto.DataType of an element type (onnx.proto). */
export function onnxTypeCode(dtype: OnnxElementType): number {
  return elements[dtype].code;
}

/** Bytes of one element. */
export function onnxElementBytes(dtype: OnnxElementType): number {
  return elements[dtype].array.BYTES_PER_ELEMENT;
}

/** Whether `data` is the array of its element type. */
export function isOnnxArray(dtype: OnnxElementType, data: OnnxArray): boolean {
  return data instanceof elements[dtype].array;
}

/** A typed view of `count` elements over existing memory. */
export function onnxView<D extends OnnxElementType>(
  dtype: D,
  buffer: ArrayBufferLike,
  byteOffset: number,
  count: number,
): OnnxArrays[D] {
  return new elements[dtype].array(buffer, byteOffset, count);
}

/** Number of elements of a shape; RangeError when a dimension is not a non-negative safe integer. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0)
      throw new RangeError(`Expected dimensions >= 0 but found shape [${shape.join(', ')}]`);
    count *= size;
  }
  if (!Number.isSafeInteger(count)) throw new RangeError(`Expected a countable shape but found [${shape.join(', ')}]`);
  return count;
}

/** Throws unless `data` holds exactly the elements of `shape`; `where` names the tensor in the message. */
export function checkTensorBytes(
  where: string,
  dtype: OnnxElementType,
  shape: readonly number[],
  byteLength: number,
): void {
  const expected = elementCount(shape) * onnxElementBytes(dtype);
  if (byteLength !== expected) {
    throw new RangeError(
      `Expected ${expected} bytes for ${dtype} [${shape.join(', ')}] at ${where} but found ${byteLength}`,
    );
  }
}
