import { f32, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { cast } from './cast.ts';
import { div } from './div.ts';
import { equal } from './equal.ts';
import { mul } from './mul.ts';
import { inferReduction, type ReduceAttrs, reduceDense, reducedShape } from './reduce.ts';
import { sum } from './reduceSum.ts';
import { reshape } from './reshape.ts';

export const reduceMinOp = defineOp<ReduceAttrs>({
  name: 'reduceMin',
  formula: 'y = min x over axes; the gradient is shared equally among ties',
  infer: inferReduction,
  vjp: ({ cotangents, inputs, outputs, attrs }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const x = required(inputs, 0);
    const kept = reducedShape(x.type.shape, { ...attrs, keepDims: true });
    const winners = cast(equal(x, reshape(required(outputs, 0), kept)), 'f32');
    return [mul(div(winners, sum(winners, attrs.axes, true)), reshape(dy, kept))];
  },
  reference: (inputs, attrs) => [reduceDense(required(inputs, 0), attrs, Infinity, Math.min)],
  onnx: (emit, inputs, { attrs }) => [
    emit.node('ReduceMin', [required(inputs, 0), emit.ints(attrs.axes)], { keepdims: { int: attrs.keepDims ? 1 : 0 } }),
  ],
  samples: () => [
    { name: 'last axis kept', attrs: { axes: [-1], keepDims: true }, inputs: [normal([3, 5], 1)] },
    { name: 'two axes', attrs: { axes: [0, 2], keepDims: false }, inputs: [normal([2, 3, 4], 2)] },
    { name: 'i32', attrs: { axes: [0], keepDims: true }, inputs: [i32([2, 3], [5, -7, 1, 0, 2, 9])] },
    { name: 'all', attrs: { axes: [0, 1], keepDims: false }, inputs: [normal([3, 4], 3)] },
    {
      name: 'ties and infinities',
      attrs: { axes: [1], keepDims: false },
      inputs: [f32([2, 3], [1, 1, 2, Infinity, Infinity, 1e30])],
      skipGradient: 'ties have no derivative',
    },
  ],
});

/** Minimum over axes; all axes by default. */
export function min(x: Value, axes: readonly number[] = x.type.shape.map((_, axis) => axis), keepDims = false): Value {
  return axes.length === 0 ? x : apply1(reduceMinOp, [x], { axes: [...axes], keepDims });
}
