import { el, emptyDense, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, formatShape, sameShape, tensorType } from '../types.ts';
import { cast } from './cast.ts';
import { constant } from './constant.ts';
import type { NoAttrs } from './elementwise.ts';
import { equal } from './equal.ts';
import { mul } from './mul.ts';
import { reshape } from './reshape.ts';

export const takeAlongOp = defineOp<NoAttrs>({
  name: 'takeAlong',
  formula: 'y[…] = x[…, index[…]]: one element of the last axis of each row',
  infer: (inputs) => {
    const x = required(inputs, 0);
    const index = required(inputs, 1);
    if (index.dtype !== 'i32' || !sameShape(index.shape, x.shape.slice(0, -1))) {
      throw new TypeError(
        `Expected i32 indices of shape ${formatShape(x.shape.slice(0, -1))} but found ${index.dtype}${formatShape(index.shape)}`,
      );
    }
    return [tensorType(x.dtype, index.shape)];
  },
  vjp: ({ cotangents, inputs }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const width = dimAt(required(inputs, 0).type.shape, -1);
    const column = (value: Value) => reshape(value, [...value.type.shape, 1]);
    const oneHot = cast(
      equal(
        column(required(inputs, 1)),
        constant(
          'i32',
          [width],
          Float64Array.from({ length: width }, (_, i) => i),
        ),
      ),
      'f32',
    );
    return [mul(column(dy), oneHot)];
  },
  reference: (inputs) => {
    const x = required(inputs, 0);
    const index = required(inputs, 1);
    const width = dimAt(x.shape, -1);
    const y = emptyDense(x.dtype, index.shape);
    index.data.forEach((at, i) => {
      if (at < 0 || at >= width) throw new RangeError(`Expected indices in [0, ${width}) but found ${at} at ${i}`);
      y.data[i] = el(x.data, i * width + at);
    });
    return [y];
  },
  onnx: (emit, inputs, { inputTypes }) => {
    const index = required(inputTypes, 1);
    const column = emit.reshape(required(inputs, 1), [...index.shape, 1]);
    return [
      emit.reshape(emit.node('GatherElements', [required(inputs, 0), column], { axis: { int: -1 } }), index.shape),
    ];
  },
  samples: () => [
    { name: 'rows', attrs: {}, inputs: [normal([3, 4], 1), i32([3], [0, 3, 2])] },
    { name: 'two leading axes', attrs: {}, inputs: [normal([2, 2, 3], 2), i32([2, 2], [2, 1, 0, 0])] },
  ],
});

/** The element of each row of x […, N] at index […]. */
export function takeAlong(x: Value, index: Value): Value {
  return apply1(takeAlongOp, [x, index], {});
}
