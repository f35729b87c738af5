import { emptyDense, el, forEachBroadcast, normal, bool, i32 } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { broadcastShapes, formatShape, sameShape, type Shape, tensorType } from '../types.ts';
import { sumTo } from './sumTo.ts';

type BroadcastAttrs = { readonly shape: Shape };

export const broadcastToOp = defineOp<BroadcastAttrs>({
  name: 'broadcastTo',
  formula: 'y = x repeated along axes of size 1 and new leading axes',
  infer: (inputs, { shape }) => {
    const x = required(inputs, 0);
    if (!sameShape(broadcastShapes(x.shape, shape), shape)) {
      throw new RangeError(
        `Expected a shape that ${formatShape(x.shape)} broadcasts to but found ${formatShape(shape)}`,
      );
    }
    return [tensorType(x.dtype, shape)];
  },
  vjp: ({ cotangents, inputs }) => {
    const dy = cotangents[0];
    return dy ? [sumTo(dy, required(inputs, 0).type.shape)] : [];
  },
  reference: (inputs, { shape }) => {
    const x = required(inputs, 0);
    const y = emptyDense(x.dtype, shape);
    forEachBroadcast(x.shape, shape, (to, from) => {
      y.data[to] = el(x.data, from);
    });
    return [y];
  },
  onnx: (emit, inputs, { attrs }) => [emit.node('Expand', [required(inputs, 0), emit.ints(attrs.shape)])],
  samples: () => [
    { name: 'row', attrs: { shape: [3, 4] }, inputs: [normal([4], 1)] },
    { name: 'column', attrs: { shape: [2, 3, 4] }, inputs: [normal([3, 1], 2)] },
    { name: 'scalar', attrs: { shape: [2, 2] }, inputs: [normal([], 3)] },
    { name: 'inner axis', attrs: { shape: [2, 3, 2] }, inputs: [normal([2, 1, 2], 4)] },
    { name: 'i32', attrs: { shape: [2, 2] }, inputs: [i32([2, 1], [4, -5])] },
    { name: 'bool', attrs: { shape: [2, 3] }, inputs: [bool([3], [1, 0, 1])] },
  ],
});

/** x repeated to a larger shape. */
export function broadcastTo(x: Value, shape: Shape): Value {
  return sameShape(x.type.shape, shape) ? x : apply1(broadcastToOp, [x], { shape: [...shape] });
}
