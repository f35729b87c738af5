import { bool, f32, i32 } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { type DType, tensorType } from '../types.ts';

type CastAttrs = { readonly to: DType };

export const castOp = defineOp<CastAttrs>({
  name: 'cast',
  formula:
    'y = x in another dtype; to i32 towards zero, to bool x ≠ 0. No gradient: an i32 or bool has none to pass on',
  infer: (inputs, { to }) => {
    const x = required(inputs, 0);
    if (to === 'u8' || x.dtype === 'u8') throw new TypeError(`Expected f32, i32 or bool but found ${x.dtype} to ${to}`);
    return [tensorType(to, x.shape)];
  },
  vjp: 'nondifferentiable',
  reference: (inputs, { to }) => {
    const x = required(inputs, 0);
    const convert = to === 'bool' ? (v: number) => (v === 0 ? 0 : 1) : to === 'i32' ? Math.trunc : (v: number) => v;
    return [{ dtype: to, shape: x.shape, data: x.data.map(convert) }];
  },
  onnx: (emit, inputs, { attrs }) => [emit.cast(required(inputs, 0), attrs.to)],
  samples: () => [
    { name: 'bool to f32', attrs: { to: 'f32' }, inputs: [bool([3], [0, 1, 1])] },
    { name: 'i32 to f32', attrs: { to: 'f32' }, inputs: [i32([3], [-2, 0, 7])] },
    { name: 'f32 to i32', attrs: { to: 'i32' }, inputs: [f32([4], [-1.7, -0.2, 0.9, 3.5])] },
    { name: 'f32 to bool', attrs: { to: 'bool' }, inputs: [f32([3], [0, 0.5, -1])] },
    { name: 'i32 to bool', attrs: { to: 'bool' }, inputs: [i32([3], [0, 5, -1])] },
    { name: 'bool to i32', attrs: { to: 'i32' }, inputs: [bool([3], [0, 1, 1])] },
  ],
});

/** x in another dtype. */
export function cast(x: Value, to: DType): Value {
  return x.type.dtype === to ? x : apply1(castOp, [x], { to });
}
