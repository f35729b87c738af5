import { el, emptyDense, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { dimAt, normalizeAxis, sizeOf, tensorType } from '../types.ts';
import { checkAlong, forEachAlong } from './along.ts';
import { reshape } from './reshape.ts';
import { scatterAddAlong } from './scatterAddAlong.ts';

type AlongAttrs = { readonly axis: number };

export const takeAlongOp: Op<AlongAttrs> = defineOp<AlongAttrs>({
  name: 'takeAlong',
  formula: 'y[…, k, …] = x[…, index[…, k, …], …]: of each line along an axis the elements at its own indices',
  infer: (inputs, { axis }) => {
    const x = required(inputs, 0);
    const index = required(inputs, 1);
    checkAlong(index, x.shape, axis);
    return [tensorType(x.dtype, index.shape)];
  },
  vjp: ({ cotangents, inputs, attrs: { axis } }) => {
    const dy = cotangents[0];
    const size = dimAt(required(inputs, 0).type.shape, axis);
    return dy ? [scatterAddAlong(required(inputs, 1), dy, axis, size)] : [];
  },
  reference: (inputs, { axis }) => {
    const x = required(inputs, 0);
    const index = required(inputs, 1);
    const y = emptyDense(x.dtype, index.shape);
    forEachAlong(index, axis, dimAt(x.shape, axis), (to, from) => {
      y.data[to] = el(x.data, from);
    });
    return [y];
  },
  onnx: (emit, inputs, { attrs: { axis }, inputTypes }) => {
    const { dtype, shape } = required(inputTypes, 0);
    return [emit.take(required(inputs, 0), dtype, required(inputs, 1), axis, dimAt(shape, axis))];
  },
  onnxPlain: (emit, inputs, { attrs: { axis }, inputTypes }) => {
    const [{ shape }, places] = [required(inputTypes, 0), required(inputTypes, 1).shape];
    const [size, count, inner] = [dimAt(shape, axis), dimAt(places, axis), sizeOf(shape.slice(axis + 1))];
    const name = `lines:${shape.join()}:${count}:${axis}`;
    const starts = emit.constant(name, 'i32', places, () =>
      Int32Array.from(
        { length: sizeOf(places) },
        (_, i) => Math.floor(i / (count * inner)) * size * inner + (i % inner),
      ),
    );
    const step = emit.constant(`i32:${inner}`, 'i32', [], () => [inner]);
    const flat = emit.node('Add', [emit.node('Mul', [required(inputs, 1), step]), starts]);
    const elements = emit.reshape(required(inputs, 0), [sizeOf(shape)]);
    return [emit.node('Gather', [elements, flat], { axis: { int: 0 } })];
  },
  samples: () => [
    { name: 'one of each row', attrs: { axis: 1 }, inputs: [normal([3, 4], 1), i32([3, 1], [0, 3, 2])] },
    {
      name: 'several, some twice',
      attrs: { axis: 1 },
      inputs: [normal([2, 3], 2), i32([2, 4], [2, 2, 0, 1, 1, 1, 1, 0])],
    },
    { name: 'inner axis', attrs: { axis: 1 }, inputs: [normal([2, 3, 2], 3), i32([2, 1, 2], [2, 0, 1, 1])] },
    { name: 'i32', attrs: { axis: 0 }, inputs: [i32([3], [7, 8, 9]), i32([2], [2, 0])] },
  ],
});

/**
 * Elements of x at the indices of each line along an axis, the last by default: x […, N, …], index […, K, …]. An index
 * of one axis less names one element of each row and that axis vanishes.
 */
export function takeAlong(x: Value, index: Value, axis = -1): Value {
  const at = normalizeAxis(axis, x.type.shape.length);
  const shape = index.type.shape;
  if (shape.length !== x.type.shape.length - 1) return apply1(takeAlongOp, [x, index], { axis: at });
  const column = reshape(index, [...shape.slice(0, at), 1, ...shape.slice(at)]);
  return reshape(apply1(takeAlongOp, [x, column], { axis: at }), shape);
}
