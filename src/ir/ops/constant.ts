import { apply1, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { type DType, type Shape, sizeOf, tensorType } from '../types.ts';

type ConstantAttrs = { readonly dtype: DType; readonly shape: Shape; readonly data: Float64Array };

export const constantOp: Op<ConstantAttrs> = defineOp<ConstantAttrs>({
  name: 'constant',
  formula: 'y = data; f32 constants are rounded to f32 when they are made, so that every engine has the same',
  infer: (_inputs, { dtype, shape, data }) => {
    if (data.length !== sizeOf(shape))
      throw new RangeError(`Expected ${sizeOf(shape)} elements but found ${data.length}`);
    return [tensorType(dtype, shape)];
  },
  vjp: () => [],
  reference: (_inputs, { dtype, shape, data }) => [{ dtype, shape, data }],
  onnx: (emit, _inputs, { attrs: { dtype, shape, data } }) => {
    const key = data.length <= 64 ? data.join(',') : `#${contentHash(data)}`;
    return [emit.constant(`constant:${dtype}:${shape.join('x')}:${key}`, dtype, shape, () => data)];
  },
});

/** FNV-1a over the bytes, twice with different offsets: a key for equal contents. */
export function contentHash(data: Float64Array): string {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length * 2);
  let a = 0x811c9dc5;
  let b = 0x9dc5811c;
  for (const word of words) {
    a = Math.imul(a ^ word, 0x01000193) >>> 0;
    b = Math.imul((b ^ word) + 0x9e3779b9, 0x85ebca6b) >>> 0;
    b = (b ^ (b >>> 13)) >>> 0;
  }
  return `${a.toString(16)}${b.toString(16)}.${data.length}`;
}

/** A constant of any shape. */
export function constant(dtype: DType, shape: Shape, data: ArrayLike<number>): Value {
  const values = dtype === 'f32' ? Float64Array.from(data, Math.fround) : Float64Array.from(data);
  return apply1(constantOp, [], { dtype, shape, data: values });
}

/** An f32 scalar. */
export function scalar(value: number): Value {
  return constant('f32', [], [value]);
}

/** A value of one number everywhere. */
export function filled(dtype: DType, shape: Shape, value: number): Value {
  return constant(dtype, shape, new Float64Array(sizeOf(shape)).fill(value));
}
