import { el, emptyDense, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { dimAt, normalizeAxis, sizeOf } from '../types.ts';

type CumsumAttrs = {
  readonly axis: number;
  /** From the end of the axis to its start. */
  readonly reverse: boolean;
  /** Without the element itself: the first is 0. */
  readonly exclusive: boolean;
};

export const cumsumOp: Op<CumsumAttrs> = defineOp<CumsumAttrs>({
  name: 'cumsum',
  formula: 'y_i = Σ_{j <= i} x_j along an axis; j < i where exclusive, j >= i where reverse',
  infer: (inputs, { axis }) => {
    const x = required(inputs, 0);
    if (x.dtype !== 'f32' && x.dtype !== 'i32') throw new TypeError(`Expected f32 or i32 but found ${x.dtype}`);
    dimAt(x.shape, axis);
    return [x];
  },
  vjp: ({ cotangents, attrs }) => {
    const dy = cotangents[0];
    return dy ? [apply1(cumsumOp, [dy], { ...attrs, reverse: !attrs.reverse })] : [];
  },
  reference: (inputs, { axis, reverse, exclusive }) => {
    const x = required(inputs, 0);
    const dim = dimAt(x.shape, axis);
    const inner = sizeOf(x.shape.slice(axis + 1));
    const y = emptyDense(x.dtype, x.shape);
    for (let line = 0; line < (dim === 0 ? 0 : y.data.length / dim); line++) {
      const start = Math.floor(line / inner) * dim * inner + (line % inner);
      let total = 0;
      for (let step = 0; step < dim; step++) {
        const i = start + (reverse ? dim - 1 - step : step) * inner;
        y.data[i] = exclusive ? total : total + el(x.data, i);
        total += el(x.data, i);
      }
    }
    return [y];
  },
  onnx: (emit, inputs, { attrs: { axis, reverse, exclusive } }) => {
    const along = emit.constant(`i64 scalar:${axis}`, 'i64', [], () => [axis]);
    const flags = { reverse: { int: reverse ? 1 : 0 }, exclusive: { int: exclusive ? 1 : 0 } };
    return [emit.node('CumSum', [required(inputs, 0), along], flags)];
  },
  samples: () => [
    { name: 'last axis', attrs: { axis: 1, reverse: false, exclusive: false }, inputs: [normal([3, 5], 1)] },
    {
      name: 'inner axis, exclusive',
      attrs: { axis: 1, reverse: false, exclusive: true },
      inputs: [normal([2, 3, 2], 2)],
    },
    { name: 'backwards', attrs: { axis: 0, reverse: true, exclusive: false }, inputs: [normal([4, 1], 3)] },
    { name: 'backwards, exclusive', attrs: { axis: 0, reverse: true, exclusive: true }, inputs: [normal([4], 4)] },
    { name: 'i32', attrs: { axis: 0, reverse: false, exclusive: false }, inputs: [i32([4], [3, -5, 0, 7])] },
  ],
});

/** Running sums along an axis. */
export function cumsum(
  x: Value,
  axis: number,
  { reverse = false, exclusive = false }: { readonly reverse?: boolean; readonly exclusive?: boolean } = {},
): Value {
  return apply1(cumsumOp, [x], { axis: normalizeAxis(axis, x.type.shape.length), reverse, exclusive });
}
