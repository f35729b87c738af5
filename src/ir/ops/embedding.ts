import { emptyDense, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, formatShape, tensorType } from '../types.ts';
import type { NoAttrs } from './elementwise.ts';
import { scatterAddRows } from './scatterAddRows.ts';

export const embeddingOp = defineOp<NoAttrs>({
  name: 'embedding',
  formula: 'y[…, d] = table[ids[…], d]; ids must lie in [0, rows)',
  infer: (inputs) => {
    const table = required(inputs, 0);
    const ids = required(inputs, 1);
    if (table.shape.length !== 2 || ids.dtype !== 'i32') {
      throw new TypeError(`Expected a table [V, D] and i32 ids but found ${formatShape(table.shape)} and ${ids.dtype}`);
    }
    return [tensorType(table.dtype, [...ids.shape, dimAt(table.shape, 1)])];
  },
  vjp: ({ cotangents, inputs, needs }) => {
    const dy = cotangents[0];
    const table = required(inputs, 0);
    return dy && needs[0] ? [scatterAddRows(required(inputs, 1), dy, dimAt(table.type.shape, 0))] : [];
  },
  reference: (inputs) => {
    const table = required(inputs, 0);
    const ids = required(inputs, 1);
    const width = dimAt(table.shape, 1);
    const y = emptyDense(table.dtype, [...ids.shape, width]);
    ids.data.forEach((id, i) => {
      if (id < 0 || id >= dimAt(table.shape, 0)) {
        throw new RangeError(`Expected ids in [0, ${dimAt(table.shape, 0)}) but found ${id} at ${i}`);
      }
      y.data.set(table.data.subarray(id * width, (id + 1) * width), i * width);
    });
    return [y];
  },
  onnx: (emit, inputs) => [emit.node('Gather', inputs, { axis: { int: 0 } })],
  samples: () => [
    { name: 'tokens', attrs: {}, inputs: [normal([5, 3], 1), i32([2, 4], [0, 4, 4, 1, 2, 0, 3, 3])] },
    { name: 'scalar id', attrs: {}, inputs: [normal([5, 3], 2), i32([], [3])] },
  ],
});

/** Rows of a table [V, D] by ids […]: […, D]. */
export function embedding(table: Value, ids: Value): Value {
  return apply1(embeddingOp, [table, ids], {});
}
