import { emptyDense, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { type Shape, sizeOf, tensorType } from '../types.ts';
import { constant, filled } from './constant.ts';
import { conv } from './conv.ts';
import { decomposedVjp } from './decomposed.ts';
import { type PoolAttrs, pooledShape, poolWindow, type PoolOptions } from './maxPool.ts';
import { mul } from './mul.ts';
import { reshape } from './reshape.ts';
import { forEachTap, onnxWindow, windowCounts, windowOf } from './spatial.ts';
import { requireF32 } from './requireF32.ts';

type AvgPoolAttrs = PoolAttrs & {
  /** Whether the padding counts as zeros; else a window is divided by its elements inside x. */
  readonly countPadding: boolean;
};

/** Size of the kernel over the elements of each window that lie inside. */
function corrections(spatial: Shape, attrs: AvgPoolAttrs): Value {
  const inside = emptyDense('f32', windowCounts(spatial, attrs.kernel, attrs));
  forEachTap(spatial, attrs.kernel, attrs, (place) => {
    inside.data[place] = (inside.data[place] ?? 0) + 1;
  });
  return constant(
    'f32',
    inside.shape,
    inside.data.map((count) => sizeOf(attrs.kernel) / count),
  );
}

function decompose(inputs: readonly (Value | null)[], attrs: AvgPoolAttrs): readonly Value[] {
  const x = required(inputs, 0);
  const { shape } = x.type;
  const spatial = shape.slice(2);
  const { stride, padding } = attrs;
  const planes = reshape(x, [sizeOf(shape.slice(0, 2)), 1, ...spatial]);
  const weights = filled('f32', [1, 1, ...attrs.kernel], 1 / sizeOf(attrs.kernel));
  const pooled = reshape(conv(planes, weights, null, { stride, padding }), pooledShape(shape, attrs));
  return [
    attrs.countPadding || padding.flat().every((pad) => pad === 0) ? pooled : mul(pooled, corrections(spatial, attrs)),
  ];
}

export const avgPoolOp = defineOp<AvgPoolAttrs>({
  name: 'avgPool',
  formula: 'y = the mean of each window over the axes behind [N, C], padding counted as zeros or left out',
  infer: (inputs, attrs) => {
    requireF32(inputs);
    return [tensorType('f32', pooledShape(required(inputs, 0).shape, attrs))];
  },
  vjp: (context) => decomposedVjp((inputs) => decompose(inputs, context.attrs), context),
  decompose,
  onnx: (emit, inputs, { attrs }) => [
    emit.node('AveragePool', inputs, {
      ...onnxWindow(attrs, attrs.kernel),
      count_include_pad: { int: attrs.countPadding ? 1 : 0 },
    }),
  ],
  samples: () => [
    {
      name: '1-D',
      attrs: { ...windowOf(1, { stride: 2 }), kernel: [3], countPadding: true },
      inputs: [normal([2, 3, 8], 1)],
    },
    {
      name: '2-D, padding counted',
      attrs: { ...windowOf(2, { stride: [1, 2], padding: 1 }), kernel: [2, 3], countPadding: true },
      inputs: [normal([2, 2, 4, 5], 2)],
    },
    {
      name: '2-D, padding left out',
      attrs: { ...windowOf(2, { stride: 2, padding: [1, [0, 1]] }), kernel: [3, 2], countPadding: false },
      inputs: [normal([1, 3, 5, 4], 3)],
    },
    {
      name: 'global',
      attrs: { ...windowOf(2, {}), kernel: [4, 3], countPadding: true },
      inputs: [normal([2, 2, 4, 3], 4)],
    },
    {
      name: '1-D, padding left out',
      attrs: { ...windowOf(1, { stride: 2, padding: 1 }), kernel: [3], countPadding: false },
      inputs: [normal([2, 2, 5], 5)],
    },
  ],
});

/** The mean of each window of x [N, C, L] or [N, C, H, W]; padding counts as zeros unless `countPadding` is false. */
export function avgPool(x: Value, options: PoolOptions & { readonly countPadding?: boolean }): Value {
  return apply1(avgPoolOp, [x], { ...poolWindow(x, options), countPadding: options.countPadding ?? true });
}
