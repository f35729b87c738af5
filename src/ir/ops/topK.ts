import { el, emptyDense, f32, normal } from '../dense.ts';
import { apply, at, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, tensorType } from '../types.ts';
import { rowTools } from './rowTools.ts';
import { scatterAddAlong } from './scatterAddAlong.ts';

type TopKAttrs = { readonly k: number; readonly largest: boolean };

export const topKOp = defineOp<TopKAttrs>({
  name: 'topK',
  formula:
    'the k largest (or smallest) of the last axis in order, and their i32 indices; of ties the first comes first',
  infer: (inputs, { k }) => {
    const x = required(inputs, 0);
    if (x.dtype !== 'f32') throw new TypeError(`Expected f32 but found ${x.dtype}`);
    const width = dimAt(x.shape, -1);
    if (!Number.isInteger(k) || k < 1 || k > width) throw new RangeError(`Expected k in [1, ${width}] but found ${k}`);
    const shape = [...x.shape.slice(0, -1), k];
    return [tensorType('f32', shape), tensorType('i32', shape)];
  },
  vjp: ({ cotangents, inputs, outputs }) => {
    const dy = cotangents[0];
    return dy ? [scatterAddAlong(at(outputs, 1), dy, -1, dimAt(required(inputs, 0).type.shape, -1))] : [];
  },
  reference: (inputs, { k, largest }) => {
    const x = required(inputs, 0);
    const width = dimAt(x.shape, -1);
    const shape = [...x.shape.slice(0, -1), k];
    const values = emptyDense('f32', shape);
    const indices = emptyDense('i32', shape);
    for (let row = 0; row < x.data.length / width; row++) {
      const line = x.data.subarray(row * width, (row + 1) * width);
      const order = Array.from(line, (_, i) => i).sort((a, b) => {
        const [p, q] = [el(line, a), el(line, b)];
        if (p === q) return a - b;
        return p < q === largest ? 1 : -1;
      });
      for (let i = 0; i < k; i++) {
        indices.data[row * k + i] = at(order, i);
        values.data[row * k + i] = el(line, at(order, i));
      }
    }
    return [values, indices];
  },
  onnx: (emit, inputs, { attrs: { k, largest } }) => {
    const flags = { axis: { int: -1 }, largest: { int: largest ? 1 : 0 }, sorted: { int: 1 } };
    const [values, indices] = emit.nodes('TopK', [required(inputs, 0), emit.ints([k])], flags, { outputs: 2 });
    return [values ?? '', emit.cast(indices ?? '', 'i32')];
  },
  onnxPlain: (emit, inputs, { attrs: { k, largest }, inputTypes }) => {
    const given = required(inputs, 0);
    const x = largest ? given : emit.node('Neg', [given]);
    const { places, max, first } = rowTools(emit, dimAt(required(inputTypes, 0).shape, -1));
    const [values, indices]: [string[], string[]] = [[], []];
    let free = emit.node('Add', [emit.node('Mul', [places, emit.scalar(0)]), emit.scalar(1)]);
    for (let round = 0; round < k; round++) {
      const isFree = emit.node('Greater', [free, emit.scalar(0)]);
      const most = max(emit.node('Where', [isFree, x, emit.scalar(-Infinity)]), true);
      const index = first(emit.node('And', [emit.node('Equal', [x, most]), isFree]), true);
      values.push(most);
      indices.push(index);
      free = emit.node('Where', [emit.node('Equal', [places, index]), emit.scalar(0), free]);
    }
    const joined = (pieces: readonly string[]): string => emit.node('Concat', pieces, { axis: { int: -1 } });
    const sorted = joined(values);
    return [largest ? sorted : emit.node('Neg', [sorted]), emit.cast(joined(indices), 'i32')];
  },
  samples: () => [
    { name: 'largest', attrs: { k: 2, largest: true }, inputs: [normal([3, 5], 1)] },
    { name: 'smallest, all', attrs: { k: 4, largest: false }, inputs: [normal([2, 2, 4], 2)] },
    { name: 'a row of one', attrs: { k: 1, largest: true }, inputs: [normal([3, 1], 3)] },
    {
      name: 'ties and infinities',
      attrs: { k: 3, largest: true },
      inputs: [f32([3, 4], [1, 2, 2, 2, -Infinity, 0, Infinity, 0, -Infinity, -Infinity, -Infinity, -Infinity])],
      skipGradient: 'ties have no derivative',
    },
  ],
});

export interface TopKResult {
  /** […, k], in order. */
  readonly values: Value;
  /** i32 […, k]. */
  readonly indices: Value;
}

/** The k largest elements of the last axis, or the smallest, in order; gradients pass through the values. */
export function topK(x: Value, k: number, largest = true): TopKResult {
  const outputs = apply(topKOp, [x], { k, largest });
  return { values: at(outputs, 0), indices: at(outputs, 1) };
}
