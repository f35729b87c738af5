import { el, emptyDense, bool, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { dimAt, normalizeAxis, sizeOf } from '../types.ts';

type FlipAttrs = { readonly axis: number };

export const flipOp: Op<FlipAttrs> = defineOp<FlipAttrs>({
  name: 'flip',
  formula: 'y[…, i, …] = x[…, n - 1 - i, …] along an axis of n',
  infer: (inputs, { axis }) => {
    const x = required(inputs, 0);
    dimAt(x.shape, axis);
    return [x];
  },
  vjp: ({ cotangents, attrs }) => {
    const dy = cotangents[0];
    return dy ? [flip(dy, attrs.axis)] : [];
  },
  reference: (inputs, { axis }) => {
    const x = required(inputs, 0);
    const dim = dimAt(x.shape, axis);
    const inner = sizeOf(x.shape.slice(axis + 1));
    const y = emptyDense(x.dtype, x.shape);
    for (let i = 0; i < y.data.length; i++) {
      const step = Math.floor(i / inner) % dim;
      y.data[i] = el(x.data, i + (dim - 1 - 2 * step) * inner);
    }
    return [y];
  },
  onnx: (emit, inputs, { attrs: { axis }, inputTypes }) => {
    const { dtype, shape } = required(inputTypes, 0);
    return [emit.flip(required(inputs, 0), dtype, axis, dimAt(shape, axis))];
  },
  samples: () => [
    { name: 'last axis', attrs: { axis: 1 }, inputs: [normal([2, 3], 1)] },
    { name: 'inner axis', attrs: { axis: 1 }, inputs: [normal([2, 4, 2], 2)] },
    { name: 'axis of one, i32', attrs: { axis: 0 }, inputs: [i32([1, 2], [4, 5])] },
    { name: 'bool', attrs: { axis: 0 }, inputs: [bool([3], [1, 0, 0])] },
  ],
});

/** x backwards along an axis. */
export function flip(x: Value, axis: number): Value {
  return apply1(flipOp, [x], { axis: normalizeAxis(axis, x.type.shape.length) });
}
