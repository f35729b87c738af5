import { el, emptyDense, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, formatShape, sameShape, sizeOf, tensorType } from '../types.ts';
import { embedding } from './embedding.ts';

type ScatterAttrs = { readonly rows: number };

export const scatterAddRowsOp = defineOp<ScatterAttrs>({
  name: 'scatterAddRows',
  formula: 'y[v, d] = Σ_{i: ids[i] = v} x[i, d]; the transpose of embedding',
  infer: (inputs, { rows }) => {
    const ids = required(inputs, 0);
    const x = required(inputs, 1);
    if (x.dtype !== 'f32') throw new TypeError(`Expected f32 rows but found ${x.dtype}`);
    if (ids.dtype !== 'i32' || !sameShape(ids.shape, x.shape.slice(0, -1))) {
      throw new TypeError(
        `Expected i32 ids of shape ${formatShape(x.shape.slice(0, -1))} but found ${ids.dtype}${formatShape(ids.shape)}`,
      );
    }
    return [tensorType('f32', [rows, dimAt(x.shape, -1)])];
  },
  vjp: ({ cotangents, inputs }) => {
    const dy = cotangents[0];
    return dy ? [undefined, embedding(dy, required(inputs, 0))] : [];
  },
  reference: (inputs, { rows }) => {
    const ids = required(inputs, 0);
    const x = required(inputs, 1);
    const width = dimAt(x.shape, -1);
    const y = emptyDense('f32', [rows, width]);
    ids.data.forEach((id, i) => {
      for (let d = 0; d < width; d++) y.data[id * width + d] = el(y.data, id * width + d) + el(x.data, i * width + d);
    });
    return [y];
  },
  onnx: (emit, inputs, { attrs: { rows }, inputTypes }) => {
    const x = required(inputTypes, 1);
    const width = dimAt(x.shape, -1);
    const count = sizeOf(x.shape) / width;
    const zeros = emit.node('Expand', [emit.scalar(0), emit.ints([rows, width])]);
    const ids = emit.reshape(emit.cast(required(inputs, 0), 'i64'), [count, 1]);
    return [
      emit.node('ScatterND', [zeros, ids, emit.reshape(required(inputs, 1), [count, width])], {
        reduction: { string: 'add' },
      }),
    ];
  },
  onnxPlain: (emit, inputs, { attrs: { rows }, inputTypes }) => {
    const { shape } = required(inputTypes, 1);
    const width = dimAt(shape, -1);
    const count = sizeOf(shape) / width;
    const zeros = emit.node('Expand', [emit.scalar(0), emit.ints([rows, width])]);
    const ids = emit.node('Expand', [emit.reshape(required(inputs, 0), [count, 1]), emit.ints([count, width])]);
    const x = emit.reshape(required(inputs, 1), [count, width]);
    return [emit.node('ScatterElements', [zeros, ids, x], { axis: { int: 0 }, reduction: { string: 'add' } })];
  },
  samples: () => [
    { name: 'repeated ids', attrs: { rows: 5 }, inputs: [i32([2, 3], [0, 4, 4, 1, 0, 4]), normal([2, 3, 2], 1)] },
    { name: 'unused rows', attrs: { rows: 4 }, inputs: [i32([2], [3, 3]), normal([2, 3], 2)] },
  ],
});

/** Sums rows x […, D] into a table [rows, D] by ids […]. */
export function scatterAddRows(ids: Value, x: Value, rows: number): Value {
  return apply1(scatterAddRowsOp, [ids, x], { rows });
}
