import { emptyDense, normal, bool, i32 } from '../dense.ts';
import { apply1, at, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, formatShape, normalizeAxis, type Shape, sizeOf, tensorType } from '../types.ts';
import { slice } from './slice.ts';

type ConcatAttrs = { readonly axis: number };

function concatShape(shapes: readonly Shape[], axis: number): Shape {
  const head = at(shapes, 0);
  for (const shape of shapes) {
    if (shape.length !== head.length || shape.some((dim, i) => i !== axis && dim !== head[i])) {
      throw new RangeError(
        `Expected shapes that differ only in axis ${axis} but found ${formatShape(head)} and ${formatShape(shape)}`,
      );
    }
  }
  const total = shapes.reduce((sum, shape) => sum + dimAt(shape, axis), 0);
  return head.map((dim, i) => (i === axis ? total : dim));
}

export const concatOp = defineOp<ConcatAttrs>({
  name: 'concat',
  formula: 'y = x_0, x_1, … one after another along an axis',
  infer: (inputs, { axis }) => {
    const types = inputs.map((_, i) => required(inputs, i));
    const { dtype } = at(types, 0);
    const other = types.find((type) => type.dtype !== dtype);
    if (other) throw new TypeError(`Expected one dtype but found ${dtype} and ${other.dtype}`);
    return [
      tensorType(
        dtype,
        concatShape(
          types.map((type) => type.shape),
          axis,
        ),
      ),
    ];
  },
  vjp: ({ cotangents, inputs, attrs: { axis } }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    let start = 0;
    return inputs.map((_, i) => {
      const width = dimAt(required(inputs, i).type.shape, axis);
      start += width;
      return slice(dy, axis, start - width, start);
    });
  },
  reference: (inputs, { axis }) => {
    const parts = inputs.map((_, i) => required(inputs, i));
    const y = emptyDense(
      at(parts, 0).dtype,
      concatShape(
        parts.map((part) => part.shape),
        axis,
      ),
    );
    const rowSize = sizeOf(y.shape.slice(axis));
    let offset = 0;
    for (const part of parts) {
      const width = sizeOf(part.shape.slice(axis));
      const rows = width === 0 ? 0 : part.data.length / width;
      for (let row = 0; row < rows; row++)
        y.data.set(part.data.subarray(row * width, (row + 1) * width), row * rowSize + offset);
      offset += width;
    }
    return [y];
  },
  onnx: (emit, inputs, { attrs: { axis }, inputTypes }) => {
    const parts = inputs.map((_, i) => required(inputs, i));
    const { dtype } = required(inputTypes, 0);
    return [emit.moved(dtype, parts, (names) => emit.node('Concat', names, { axis: { int: axis } }))];
  },
  samples: () => [
    { name: 'rows', attrs: { axis: 0 }, inputs: [normal([2, 3], 1), normal([1, 3], 2)] },
    {
      name: 'inner axis',
      attrs: { axis: 1 },
      inputs: [normal([2, 1, 2], 3), normal([2, 3, 2], 4), normal([2, 2, 2], 5)],
    },
    { name: 'last axis, i32', attrs: { axis: 1 }, inputs: [i32([2, 1], [1, 2]), i32([2, 2], [3, 4, 5, 6])] },
    { name: 'bool', attrs: { axis: 0 }, inputs: [bool([2], [1, 0]), bool([1], [1])] },
  ],
});

/** Values one after another along an axis. */
export function concat(parts: readonly Value[], axis: number): Value {
  const head = at(parts, 0);
  return parts.length === 1 ? head : apply1(concatOp, parts, { axis: normalizeAxis(axis, head.type.shape.length) });
}
