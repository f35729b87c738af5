import { emptyDense, bool, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, normalizeAxis, type Shape, sizeOf, tensorType } from '../types.ts';
import { reshape } from './reshape.ts';
import { scatterAddRows } from './scatterAddRows.ts';
import { transpose } from './transpose.ts';

type GatherAttrs = { readonly axis: number };

const gathered = (x: Shape, ids: Shape, axis: number): Shape => [...x.slice(0, axis), ...ids, ...x.slice(axis + 1)];

export const gatherOp = defineOp<GatherAttrs>({
  name: 'gather',
  formula: 'y[…, i…, …] = x[…, ids[i…], …] along an axis; ids must lie in [0, size of the axis)',
  infer: (inputs, { axis }) => {
    const x = required(inputs, 0);
    const ids = required(inputs, 1);
    dimAt(x.shape, axis);
    if (ids.dtype !== 'i32') throw new TypeError(`Expected i32 ids but found ${ids.dtype}`);
    return [tensorType(x.dtype, gathered(x.shape, ids.shape, axis))];
  },
  vjp: ({ cotangents, inputs, attrs: { axis } }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const { shape } = required(inputs, 0).type;
    const ids = required(inputs, 1);
    // The gathered axis goes to the front and the rest into rows, which scatterAddRows sums.
    const outer = sizeOf(shape.slice(0, axis));
    const inner = sizeOf(shape.slice(axis + 1));
    const count = sizeOf(ids.type.shape);
    const rows = reshape(transpose(reshape(dy, [outer, count, inner]), [1, 0, 2]), [count, outer * inner]);
    const summed = scatterAddRows(reshape(ids, [count]), rows, dimAt(shape, axis));
    return [reshape(transpose(reshape(summed, [dimAt(shape, axis), outer, inner]), [1, 0, 2]), shape)];
  },
  reference: (inputs, { axis }) => {
    const x = required(inputs, 0);
    const ids = required(inputs, 1);
    const dim = dimAt(x.shape, axis);
    const inner = sizeOf(x.shape.slice(axis + 1));
    const outer = sizeOf(x.shape.slice(0, axis));
    const y = emptyDense(x.dtype, gathered(x.shape, ids.shape, axis));
    for (let row = 0; row < outer; row++) {
      ids.data.forEach((id, i) => {
        if (id < 0 || id >= dim) throw new RangeError(`Expected ids in [0, ${dim}) but found ${id} at ${i}`);
        const from = (row * dim + id) * inner;
        y.data.set(x.data.subarray(from, from + inner), (row * ids.data.length + i) * inner);
      });
    }
    return [y];
  },
  onnx: (emit, inputs, { attrs: { axis } }) => [emit.node('Gather', inputs, { axis: { int: axis } })],
  samples: () => [
    { name: 'rows', attrs: { axis: 0 }, inputs: [normal([4, 3], 1), i32([3], [3, 0, 3])] },
    { name: 'inner axis, table of ids', attrs: { axis: 1 }, inputs: [normal([2, 5, 3], 2), i32([2, 2], [4, 0, 1, 1])] },
    { name: 'last axis', attrs: { axis: 2 }, inputs: [normal([2, 1, 4], 3), i32([2], [2, 0])] },
    { name: 'one id', attrs: { axis: 1 }, inputs: [normal([2, 3], 4), i32([], [1])] },
    { name: 'i32', attrs: { axis: 0 }, inputs: [i32([3], [7, 8, 9]), i32([2], [2, 0])] },
    { name: 'bool', attrs: { axis: 0 }, inputs: [bool([3], [1, 0, 0]), i32([2], [2, 0])] },
  ],
});

/** x at ids along an axis: the axis is replaced by the axes of ids. */
export function gather(x: Value, ids: Value, axis: number): Value {
  return apply1(gatherOp, [x, ids], { axis: normalizeAxis(axis, x.type.shape.length) });
}
