import { el, emptyDense, i32, normal, bool } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, normalizeAxis, type Shape, sizeOf, tensorType } from '../types.ts';
import { concat } from './concat.ts';
import { filled } from './constant.ts';

type SliceAttrs = { readonly axis: number; readonly start: number; readonly end: number };

const withDim = (shape: Shape, axis: number, dim: number): Shape => shape.map((size, at) => (at === axis ? dim : size));

export const sliceOp = defineOp<SliceAttrs>({
  name: 'slice',
  formula: 'y = x[…, start:end, …] along one axis',
  infer: (inputs, { axis, start, end }) => {
    const x = required(inputs, 0);
    const dim = dimAt(x.shape, axis);
    if (!(0 <= start && start <= end && end <= dim)) {
      throw new RangeError(`Expected 0 <= start <= end <= ${dim} but found ${start} and ${end}`);
    }
    return [tensorType(x.dtype, withDim(x.shape, normalizeAxis(axis, x.shape.length), end - start))];
  },
  vjp: ({ cotangents, inputs, attrs: { axis, start, end } }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const { shape } = required(inputs, 0).type;
    const parts: Value[] = [];
    if (start > 0) parts.push(filled('f32', withDim(shape, axis, start), 0));
    parts.push(dy);
    const rest = dimAt(shape, axis) - end;
    if (rest > 0) parts.push(filled('f32', withDim(shape, axis, rest), 0));
    return [concat(parts, axis)];
  },
  reference: (inputs, { axis, start, end }) => {
    const x = required(inputs, 0);
    const dim = dimAt(x.shape, axis);
    const y = emptyDense(x.dtype, withDim(x.shape, axis, end - start));
    const inner = sizeOf(x.shape.slice(axis + 1));
    const width = (end - start) * inner;
    for (let i = 0; i < y.data.length; i++) {
      y.data[i] = el(x.data, Math.floor(i / width) * dim * inner + start * inner + (i % width));
    }
    return [y];
  },
  onnx: (emit, inputs, { attrs: { axis, start, end }, inputTypes }) => [
    emit.slice(required(inputs, 0), required(inputTypes, 0).dtype, axis, start, end),
  ],
  samples: () => [
    { name: 'rows', attrs: { axis: 0, start: 1, end: 3 }, inputs: [normal([4, 3], 1)] },
    { name: 'inner axis', attrs: { axis: 1, start: 0, end: 2 }, inputs: [normal([2, 5, 3], 2)] },
    { name: 'i32', attrs: { axis: 1, start: 1, end: 3 }, inputs: [i32([2, 4], [0, 1, 2, 3, 4, 5, 6, 7])] },
    { name: 'bool', attrs: { axis: 0, start: 1, end: 3 }, inputs: [bool([4], [1, 0, 1, 0])] },
    { name: 'last axis to its end', attrs: { axis: 1, start: 2, end: 5 }, inputs: [normal([2, 5], 3)] },
  ],
});

/** x[…, start:end, …] along one axis; negative axes count from the end. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  const at = normalizeAxis(axis, x.type.shape.length);
  return start === 0 && end === dimAt(x.type.shape, at) ? x : apply1(sliceOp, [x], { axis: at, start, end });
}
