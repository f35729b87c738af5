import { el, emptyDense, normal, bool, i32 } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, stridesOf, tensorType } from '../types.ts';

type TransposeAttrs = { readonly permutation: readonly number[] };

export const transposeOp = defineOp<TransposeAttrs>({
  name: 'transpose',
  formula: 'y[i_p0, i_p1, …] = x[i_0, i_1, …]',
  recompute: 'withInput',
  infer: (inputs, { permutation }) => {
    const x = required(inputs, 0);
    const sorted = [...permutation].sort((a, b) => a - b);
    if (sorted.length !== x.shape.length || sorted.some((axis, i) => axis !== i)) {
      throw new RangeError(`Expected a permutation of ${x.shape.length} axes but found [${permutation.join(', ')}]`);
    }
    return [
      tensorType(
        x.dtype,
        permutation.map((axis) => dimAt(x.shape, axis)),
      ),
    ];
  },
  vjp: ({ cotangents, attrs }) => {
    const dy = cotangents[0];
    const inverse = attrs.permutation.map((_, axis) => attrs.permutation.indexOf(axis));
    return dy ? [transpose(dy, inverse)] : [];
  },
  reference: (inputs, { permutation }) => {
    const x = required(inputs, 0);
    const y = emptyDense(
      x.dtype,
      permutation.map((axis) => dimAt(x.shape, axis)),
    );
    const from = stridesOf(x.shape);
    const to = stridesOf(y.shape);
    for (let i = 0; i < y.data.length; i++) {
      let index = 0;
      for (let axis = 0; axis < to.length; axis++) {
        index += (Math.floor(i / el(to, axis)) % dimAt(y.shape, axis)) * el(from, el(permutation, axis));
      }
      y.data[i] = el(x.data, index);
    }
    return [y];
  },
  onnx: (emit, inputs, { attrs, inputTypes }) => {
    const perm = { ints: attrs.permutation };
    const { dtype } = required(inputTypes, 0);
    return [emit.moved(dtype, [required(inputs, 0)], (names) => emit.node('Transpose', names, { perm }))];
  },
  samples: () => [
    { name: 'matrix', attrs: { permutation: [1, 0] }, inputs: [normal([3, 4], 1)] },
    { name: 'heads', attrs: { permutation: [0, 2, 1, 3] }, inputs: [normal([2, 3, 2, 4], 2)] },
    { name: 'cycle', attrs: { permutation: [2, 0, 1] }, inputs: [normal([2, 3, 4], 3)] },
    { name: 'i32', attrs: { permutation: [1, 0] }, inputs: [i32([2, 3], [1, 2, 3, 4, 5, 6])] },
    { name: 'bool', attrs: { permutation: [1, 0] }, inputs: [bool([2, 2], [1, 0, 1, 1])] },
    { name: 'five axes', attrs: { permutation: [0, 3, 1, 4, 2] }, inputs: [normal([2, 1, 3, 2, 2], 4)] },
  ],
});

/** Axes in another order. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  return permutation.every((axis, i) => axis === i) ? x : apply1(transposeOp, [x], { permutation: [...permutation] });
}

/** Matrices with their last two axes exchanged. */
export function transposeLast(x: Value): Value {
  const axes = x.type.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
}
