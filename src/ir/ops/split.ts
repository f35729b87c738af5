import { el, emptyDense, normal, i32 } from '../dense.ts';
import { apply, at, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, normalizeAxis, type Shape, sizeOf, tensorType } from '../types.ts';
import { concat } from './concat.ts';
import { filled } from './constant.ts';

type SplitAttrs = { readonly axis: number; readonly sizes: readonly number[] };

const part = (shape: Shape, axis: number, size: number): Shape => shape.map((dim, i) => (i === axis ? size : dim));

export const splitOp = defineOp<SplitAttrs>({
  name: 'split',
  formula: 'y_0, y_1, … = consecutive parts of x along an axis; the transpose of concat',
  infer: (inputs, { axis, sizes }) => {
    const x = required(inputs, 0);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (total !== dimAt(x.shape, axis) || sizes.some((size) => !(size >= 0))) {
      throw new RangeError(`Expected sizes that add up to ${dimAt(x.shape, axis)} but found [${sizes.join(', ')}]`);
    }
    return sizes.map((size) => tensorType(x.dtype, part(x.shape, axis, size)));
  },
  vjp: ({ cotangents, outputs, attrs: { axis } }) => [
    concat(
      outputs.map((y, i) => cotangents[i] ?? filled('f32', y.type.shape, 0)),
      axis,
    ),
  ],
  reference: (inputs, { axis, sizes }) => {
    const x = required(inputs, 0);
    const inner = sizeOf(x.shape.slice(axis + 1));
    const row = dimAt(x.shape, axis) * inner;
    let start = 0;
    return sizes.map((size) => {
      const y = emptyDense(x.dtype, part(x.shape, axis, size));
      const width = size * inner;
      for (let i = 0; i < y.data.length; i++) {
        y.data[i] = el(x.data, Math.floor(i / width) * row + start * inner + (i % width));
      }
      start += size;
      return y;
    });
  },
  onnx: (emit, inputs, { attrs: { axis, sizes } }) =>
    emit.nodes('Split', [required(inputs, 0), emit.ints(sizes)], { axis: { int: axis } }, { outputs: sizes.length }),
  samples: () => [
    { name: 'rows', attrs: { axis: 0, sizes: [1, 3] }, inputs: [normal([4, 2], 1)] },
    { name: 'inner axis', attrs: { axis: 1, sizes: [2, 1, 2] }, inputs: [normal([2, 5, 3], 2)] },
    { name: 'last axis, i32', attrs: { axis: 1, sizes: [1, 2] }, inputs: [i32([2, 3], [1, 2, 3, 4, 5, 6])] },
  ],
});

/** Consecutive parts of x along an axis; a number of parts stands for that many equal ones. */
export function split(x: Value, axis: number, parts: number | readonly number[]): readonly Value[] {
  const along = normalizeAxis(axis, x.type.shape.length);
  const dim = dimAt(x.type.shape, along);
  if (typeof parts === 'number' && dim % parts !== 0) {
    throw new RangeError(`split: expected an axis that ${parts} divides but found ${dim}`);
  }
  const sizes = typeof parts === 'number' ? Array.from({ length: parts }, () => dim / parts) : [...parts];
  return sizes.length === 1 && at(sizes, 0) === dim ? [x] : apply(splitOp, [x], { axis: along, sizes });
}
