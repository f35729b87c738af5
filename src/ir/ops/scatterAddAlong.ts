import { el, emptyDense, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { normalizeAxis, sameShape, type Shape, tensorType } from '../types.ts';
import { checkAlong, forEachAlong } from './along.ts';
import { takeAlong } from './takeAlong.ts';

type ScatterAttrs = { readonly axis: number; readonly size: number };

const widened = (shape: Shape, { axis, size }: ScatterAttrs): Shape => shape.map((dim, i) => (i === axis ? size : dim));

export const scatterAddAlongOp: Op<ScatterAttrs> = defineOp<ScatterAttrs>({
  name: 'scatterAddAlong',
  formula: 'y[…, n, …] = Σ_{k: index[…, k, …] = n} x[…, k, …] along an axis; the transpose of takeAlong',
  infer: (inputs, attrs) => {
    const index = required(inputs, 0);
    const x = required(inputs, 1);
    checkAlong(index, x.shape, attrs.axis);
    if (x.dtype !== 'f32' || !sameShape(index.shape, x.shape)) {
      throw new TypeError(`Expected f32 and as many indices but found ${x.dtype} and [${index.shape.join(', ')}]`);
    }
    return [tensorType('f32', widened(x.shape, attrs))];
  },
  vjp: ({ cotangents, inputs, attrs: { axis } }) => {
    const dy = cotangents[0];
    return dy ? [undefined, takeAlong(dy, required(inputs, 0), axis)] : [];
  },
  reference: (inputs, attrs) => {
    const x = required(inputs, 1);
    const y = emptyDense('f32', widened(x.shape, attrs));
    forEachAlong(required(inputs, 0), attrs.axis, attrs.size, (from, to) => {
      y.data[to] = el(y.data, to) + el(x.data, from);
    });
    return [y];
  },
  onnx: (emit, inputs, { attrs: { axis }, outputTypes }) => {
    const zeros = emit.node('Expand', [emit.scalar(0), emit.ints(required(outputTypes, 0).shape)]);
    return [
      emit.node('ScatterElements', [zeros, required(inputs, 0), required(inputs, 1)], {
        axis: { int: axis },
        reduction: { string: 'add' },
      }),
    ];
  },
  samples: () => [
    { name: 'repeated', attrs: { axis: 1, size: 4 }, inputs: [i32([2, 3], [0, 0, 3, 2, 2, 2]), normal([2, 3], 1)] },
    { name: 'inner axis', attrs: { axis: 1, size: 3 }, inputs: [i32([2, 1, 2], [2, 0, 1, 1]), normal([2, 1, 2], 2)] },
    { name: 'into one', attrs: { axis: 0, size: 1 }, inputs: [i32([3], [0, 0, 0]), normal([3], 3)] },
  ],
});

/** Sums x […, K, …] into an axis of `size` at the indices […, K, …] of each line. */
export function scatterAddAlong(index: Value, x: Value, axis: number, size: number): Value {
  return apply1(scatterAddAlongOp, [index, x], { axis: normalizeAxis(axis, x.type.shape.length), size });
}
