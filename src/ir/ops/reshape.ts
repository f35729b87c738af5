import { normal, bool, i32 } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { formatShape, sameShape, type Shape, sizeOf, tensorType } from '../types.ts';

type ReshapeAttrs = { readonly shape: Shape };

export const reshapeOp = defineOp<ReshapeAttrs>({
  name: 'reshape',
  formula: 'y = x in another shape of the same size, row-major',
  infer: (inputs, { shape }) => {
    const x = required(inputs, 0);
    if (sizeOf(x.shape) !== sizeOf(shape)) {
      throw new RangeError(`Expected a shape of ${sizeOf(x.shape)} elements but found ${formatShape(shape)}`);
    }
    return [tensorType(x.dtype, shape)];
  },
  vjp: ({ cotangents, inputs }) => {
    const dy = cotangents[0];
    return dy ? [reshape(dy, required(inputs, 0).type.shape)] : [];
  },
  reference: (inputs, { shape }) => [{ ...required(inputs, 0), shape }],
  onnx: (emit, inputs, { attrs }) => [emit.reshape(required(inputs, 0), attrs.shape)],
  samples: () => [
    { name: 'split an axis', attrs: { shape: [2, 3, 2] }, inputs: [normal([2, 6], 1)] },
    { name: 'to a scalar', attrs: { shape: [] }, inputs: [normal([1, 1], 2)] },
    { name: 'i32', attrs: { shape: [4] }, inputs: [i32([2, 2], [1, 2, 3, 4])] },
    { name: 'bool', attrs: { shape: [1, 2] }, inputs: [bool([2], [1, 0])] },
  ],
});

/** x in another shape of the same size. */
export function reshape(x: Value, shape: Shape): Value {
  return sameShape(x.type.shape, shape) ? x : apply1(reshapeOp, [x], { shape: [...shape] });
}
