import { f32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { sizeOf, tensorType } from '../types.ts';
import { broadcastTo } from './broadcastTo.ts';
import { div } from './div.ts';
import { type ReduceAttrs, reducedShape } from './reduce.ts';
import { sum } from './reduceSum.ts';
import { reshape } from './reshape.ts';

/** How many elements one element of the result is made of. */
const count = (x: Value, attrs: ReduceAttrs): number =>
  sizeOf(x.type.shape) / sizeOf(reducedShape(x.type.shape, attrs));

export const reduceMeanOp = defineOp<ReduceAttrs>({
  name: 'reduceMean',
  formula: 'y = 1/n Σ x over axes; overflows where the sum does',
  infer: (inputs, attrs) => {
    const x = required(inputs, 0);
    if (x.dtype !== 'f32') throw new TypeError(`Expected f32 but found ${x.dtype}`);
    return [tensorType('f32', reducedShape(x.shape, attrs))];
  },
  vjp: ({ cotangents, inputs, attrs }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const x = required(inputs, 0);
    const kept = reshape(dy, reducedShape(x.type.shape, { ...attrs, keepDims: true }));
    return [broadcastTo(div(kept, count(x, attrs)), x.type.shape)];
  },
  decompose: (inputs, attrs) => {
    const x = required(inputs, 0);
    return [div(sum(x, attrs.axes, attrs.keepDims), count(x, attrs))];
  },
  onnx: (emit, inputs, { attrs }) => [
    emit.node('ReduceMean', [required(inputs, 0), emit.ints(attrs.axes)], {
      keepdims: { int: attrs.keepDims ? 1 : 0 },
    }),
  ],
  samples: () => [
    { name: 'last axis kept', attrs: { axes: [-1], keepDims: true }, inputs: [normal([3, 5], 1)] },
    { name: 'two axes', attrs: { axes: [0, 2], keepDims: false }, inputs: [normal([2, 3, 4], 2)] },
    { name: 'an axis of one', attrs: { axes: [1], keepDims: false }, inputs: [normal([3, 1], 3)] },
    {
      name: 'infinite and large',
      attrs: { axes: [1], keepDims: false },
      inputs: [f32([2, 2], [-Infinity, 1, 1e30, 2e30])],
      skipGradient: 'magnitudes beyond central differences',
    },
  ],
});

/** Mean over axes; all axes by default. */
export function mean(x: Value, axes: readonly number[] = x.type.shape.map((_, axis) => axis), keepDims = false): Value {
  return axes.length === 0 ? x : apply1(reduceMeanOp, [x], { axes: [...axes], keepDims });
}
