import { i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { broadcastTo } from './broadcastTo.ts';
import { inferReduction, type ReduceAttrs, reduceDense, reducedShape } from './reduce.ts';
import { reshape } from './reshape.ts';

export const reduceSumOp = defineOp<ReduceAttrs>({
  name: 'reduceSum',
  formula: 'y = Σ x over axes',
  infer: inferReduction,
  vjp: ({ cotangents, inputs, attrs }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const shape = required(inputs, 0).type.shape;
    return [broadcastTo(reshape(dy, reducedShape(shape, { ...attrs, keepDims: true })), shape)];
  },
  reference: (inputs, attrs) => [reduceDense(required(inputs, 0), attrs, 0, (total, x) => total + x)],
  onnx: (emit, inputs, { attrs }) => [
    emit.node('ReduceSum', [required(inputs, 0), emit.ints(attrs.axes)], { keepdims: { int: attrs.keepDims ? 1 : 0 } }),
  ],
  samples: () => [
    { name: 'last axis kept', attrs: { axes: [-1], keepDims: true }, inputs: [normal([3, 5], 1)] },
    { name: 'two axes', attrs: { axes: [0, 2], keepDims: false }, inputs: [normal([2, 3, 4], 2)] },
    { name: 'all', attrs: { axes: [0, 1], keepDims: false }, inputs: [normal([3, 4], 3)] },
    { name: 'first axis', attrs: { axes: [0], keepDims: false }, inputs: [normal([3, 4], 4)] },
    { name: 'i32', attrs: { axes: [1], keepDims: false }, inputs: [i32([2, 3], [5, -7, 1, 0, 2, 9])] },
  ],
});

/** Sum over axes; all axes by default. */
export function sum(x: Value, axes: readonly number[] = x.type.shape.map((_, axis) => axis), keepDims = false): Value {
  return axes.length === 0 ? x : apply1(reduceSumOp, [x], { axes: [...axes], keepDims });
}
