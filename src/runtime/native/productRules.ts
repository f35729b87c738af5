import { at, required } from '../../ir/graph.ts';
import { dimAt, type Shape, sizeOf, stridesOf } from '../../ir/types.ts';
import type { Rule } from './rules.ts';

/** Strides of an operand's batch axes within the product's, 0 where it is repeated. */
function batchStrides(operand: Shape, batch: Shape): number[] {
  const own = operand.slice(0, -2);
  const matrix = sizeOf(operand.slice(-2));
  const strides = stridesOf(own);
  return batch.map((_, axis) => {
    const i = axis - batch.length + own.length;
    return i < 0 || dimAt(own, i) === 1 ? 0 : at(strides, i) * matrix;
  });
}

/** Products of matrices. */
export const productRules: Readonly<Record<string, Rule>> = {
  matmul: ({ build, inputs, attrs, outputTypes }) => {
    const [a, b] = [required(inputs, 0), required(inputs, 1)];
    const type = at(outputTypes, 0);
    const [m, n] = [dimAt(type.shape, -2), dimAt(type.shape, -1)];
    const k = dimAt(a.type.shape, attrs['transposeA'] === true ? -2 : -1);
    const batch = type.shape.slice(0, -2);
    const [stepsA, stepsB] = [batchStrides(a.type.shape, batch), batchStrides(b.type.shape, batch)];
    const axes = batch.flatMap((dim, axis) => (dim === 1 ? [] : [[dim, at(stepsA, axis), at(stepsB, axis)]]));
    const transposes = [attrs['transposeA'], attrs['transposeB']].map((flag) => (flag === true ? 1 : 0));
    const ints = [m, n, k, ...transposes, axes.length, ...axes.flat()];
    const narrow = axes.length === 0 ? [1] : [];
    const kernel = attrs['ofLayer'] === true ? 'layerMatmul' : 'matmul';
    return build.kernel(kernel, { inputs: [a, b], outputs: [type], ints, floats: [Number(attrs['alpha'])], narrow });
  },
  linear: ({ build, inputs, attrs, outputTypes }) => {
    const [x, w] = [required(inputs, 0), required(inputs, 1)];
    const [bias, a, b] = [inputs[2] ?? null, inputs[3] ?? null, inputs[4] ?? null];
    // Factors of each row of the batch are batched products.
    if (a && a.type.shape.length === 3) return null;
    const inner = dimAt(x.type.shape, -1);
    const out = dimAt(at(outputTypes, 0).shape, -1);
    const rank = a ? dimAt(a.type.shape, 0) : 0;
    const { codes = w, scales = null, bits = 0 } = w.quantized ?? {};
    const ints = [sizeOf(x.type.shape.slice(0, -1)), out, inner, attrs['transposed'] === true ? 1 : 0, rank, bits];
    return build.kernel('linear', {
      inputs: [x, codes, bias, a, b, null, scales],
      outputs: outputTypes,
      ints,
      floats: [Number(attrs['scale'])],
      narrow: bits === 0 ? [1] : [],
    });
  },
};
