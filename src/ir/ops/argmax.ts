import { el, emptyDense, f32, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, formatType, tensorType } from '../types.ts';
import type { NoAttrs } from './elementwise.ts';
import { rowTools } from './rowTools.ts';

export const argmaxOp = defineOp<NoAttrs>({
  name: 'argmax',
  formula: 'y = the first index of the maximum of the last axis',
  infer: (inputs) => {
    const x = required(inputs, 0);
    if ((x.dtype !== 'f32' && x.dtype !== 'i32') || x.shape.length === 0)
      throw new TypeError(`Expected rows of f32 or i32 but found ${formatType(x)}`);
    return [tensorType('i32', x.shape.slice(0, -1))];
  },
  vjp: 'nondifferentiable',
  reference: (inputs) => {
    const x = required(inputs, 0);
    const width = dimAt(x.shape, -1);
    const y = emptyDense('i32', x.shape.slice(0, -1));
    for (let row = 0; row < y.data.length; row++) {
      let best = 0;
      for (let i = 1; i < width; i++) if (el(x.data, row * width + i) > el(x.data, row * width + best)) best = i;
      y.data[row] = best;
    }
    return [y];
  },
  onnx: (emit, inputs) => [emit.cast(emit.node('ArgMax', inputs, { axis: { int: -1 }, keepdims: { int: 0 } }), 'i32')],
  onnxPlain: (emit, inputs, { inputTypes }) => {
    const x = required(inputs, 0);
    const { first, max } = rowTools(emit, dimAt(required(inputTypes, 0).shape, -1));
    return [emit.cast(first(emit.node('Equal', [x, max(x, true)]), false), 'i32')];
  },
  samples: () => [
    { name: 'rows', attrs: {}, inputs: [normal([3, 7], 1)] },
    { name: 'ties and infinities', attrs: {}, inputs: [f32([3, 3], [1, 2, 2, -Infinity, -Infinity, -1, 5, 5, 5])] },
    { name: 'three axes', attrs: {}, inputs: [normal([2, 2, 5], 2)] },
    { name: 'i32', attrs: {}, inputs: [i32([2, 3], [1, 7, 7, -1, -2, -1])] },
  ],
});

/** Index of the maximum of the last axis; the first of ties. */
export function argmax(x: Value): Value {
  return apply1(argmaxOp, [x], {});
}
