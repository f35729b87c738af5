import { el, emptyDense, normal } from '../dense.ts';
import { apply1, at, required, type Value } from '../graph.ts';
import type { OnnxEmitter } from '../onnx.ts';
import { defineOp, type Op } from '../op.ts';
import { dimAt, formatShape, sameShape, type Shape, sizeOf, type TensorType, tensorType } from '../types.ts';
import { type ConvAttrs, convOp, type ConvOptions, sumPerChannel } from './conv.ts';
import { convWeightGrad } from './convWeightGrad.ts';
import { checkWindow, forEachTap, onnxWindow, type Window, windowCounts, windowOf } from './spatial.ts';
import { requireF32 } from './requireF32.ts';

type TransposeAttrs = ConvAttrs & {
  /** Sizes of the axes behind [N, O]: several sizes of a strided convolution give one, so it is said. */
  readonly size: Shape;
};

/** The smallest size that a convolution maps to `spatial`. */
const smallest = (spatial: Shape, kernel: Shape, { stride, padding, dilation }: Window): number[] =>
  spatial.map((dim, axis) => {
    const [before, after] = at(padding, axis);
    const reach = at(dilation, axis) * (dimAt(kernel, axis) - 1) + 1;
    return (dim - 1) * at(stride, axis) + reach - before - after;
  });

function infer(inputs: readonly (TensorType | null)[], attrs: TransposeAttrs): readonly TensorType[] {
  const [x, w, bias] = [required(inputs, 0), required(inputs, 1), inputs[2] ?? null];
  requireF32(inputs);
  const { groups, size } = attrs;
  checkWindow(attrs, x.shape.length - 2);
  const channels = dimAt(x.shape, 1);
  if (w.shape.length !== x.shape.length || dimAt(w.shape, 0) !== channels || channels % groups !== 0) {
    throw new RangeError(
      `Expected x [N, C, …] and weight [C, O/${groups}, …] but found ${formatShape(x.shape)} and ${formatShape(w.shape)}`,
    );
  }
  if (!sameShape(windowCounts(size, w.shape.slice(2), attrs), x.shape.slice(2))) {
    throw new RangeError(
      `Expected a size that the convolution maps to ${formatShape(x.shape.slice(2))} but found ${formatShape(size)}`,
    );
  }
  const out = dimAt(w.shape, 1) * groups;
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw new RangeError(`Expected bias [${out}] but found ${formatShape(bias.shape)}`);
  }
  return [tensorType('f32', [dimAt(x.shape, 0), out, ...size])];
}

/**
 * A transposed convolution of stride 1 as a convolution by the kernel backwards, null where its padding would be
 * negative: ONNX Runtime's ConvTranspose is slow on groups.
 */
function mirroredConv(
  emit: OnnxEmitter,
  inputs: readonly (string | null)[],
  [channels = 0, perGroup = 0, ...kernel]: Shape,
  attrs: TransposeAttrs,
): string | null {
  const { groups, dilation } = attrs;
  const padding = attrs.padding.map((pads, axis) => {
    const reach = at(dilation, axis) * (dimAt(kernel, axis) - 1);
    return [reach - pads[0], reach - pads[1]] as const;
  });
  if (padding.flat().some((pad) => pad < 0)) return null;
  const backwards = kernel.map(() => -1);
  const mirrored = emit.node('Slice', [
    required(inputs, 1),
    emit.ints(backwards),
    emit.ints(kernel.map(() => -(2 ** 31))),
    emit.ints(kernel.map((_, axis) => axis + 2)),
    emit.ints(backwards),
  ]);
  const grouped = emit.reshape(mirrored, [groups, channels / groups, perGroup, ...kernel]);
  const perm = [0, 2, 1, ...kernel.map((_, axis) => axis + 3)];
  const swapped = emit.node('Transpose', [grouped], { perm: { ints: perm } });
  const weight = emit.reshape(swapped, [groups * perGroup, channels / groups, ...kernel]);
  const operands = [required(inputs, 0), weight, ...(inputs[2] ? [inputs[2]] : [])];
  const window = onnxWindow({ ...attrs, padding }, kernel);
  return emit.node('Conv', operands, { ...window, group: { int: groups } });
}

/** Inputs x, weight, bias or none. */
export const convTransposeOp: Op<TransposeAttrs> = defineOp<TransposeAttrs>({
  name: 'convTranspose',
  formula:
    'y[n, o, p stride + k dilation - padding] = b[o] + Σ_{c, k} w[c, o, k] x[n, c, p]: the transpose of conv by its input',
  infer,
  vjp: ({ cotangents, inputs, needs, attrs }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const [x, w] = [required(inputs, 0), required(inputs, 1)];
    const { stride, padding, dilation, groups } = attrs;
    const window: ConvAttrs = { stride, padding, dilation, groups };
    return [
      needs[0] ? apply1(convOp, [dy, w, null], window) : undefined,
      needs[1] ? convWeightGrad(dy, x, w.type.shape.slice(2), window) : undefined,
      needs[2] ? sumPerChannel(dy) : undefined,
    ];
  },
  reference: (inputs, attrs) => {
    const [x, w, bias] = [required(inputs, 0), required(inputs, 1), inputs[2] ?? null];
    const [type] = infer([x, w, bias], attrs);
    const y = emptyDense('f32', required([type ?? null], 0).shape);
    const [channels, out, perGroup] = [dimAt(x.shape, 1), dimAt(y.shape, 1), dimAt(w.shape, 1)];
    const kernel = w.shape.slice(2);
    const [planeX, planeY, planeW] = [sizeOf(x.shape.slice(2)), sizeOf(attrs.size), sizeOf(kernel)];
    for (let n = 0; n < dimAt(x.shape, 0); n++) {
      if (bias)
        for (let i = 0; i < out * planeY; i++) y.data[n * out * planeY + i] = el(bias.data, Math.floor(i / planeY));
      for (let c = 0; c < channels; c++) {
        const start = Math.floor(c / (channels / attrs.groups)) * perGroup;
        for (let o = 0; o < perGroup; o++) {
          const to = (n * out + start + o) * planeY;
          const weights = (c * perGroup + o) * planeW;
          forEachTap(attrs.size, kernel, attrs, (place, element, inside) => {
            const product = el(w.data, weights + element) * el(x.data, (n * channels + c) * planeX + place);
            y.data[to + inside] = el(y.data, to + inside) + product;
          });
        }
      }
    }
    return [y];
  },
  onnx: (emit, inputs, { attrs, inputTypes }) => {
    const kernel = required(inputTypes, 1).shape.slice(2);
    if (attrs.groups > 1 && attrs.stride.every((stride) => stride === 1)) {
      const mirrored = mirroredConv(emit, inputs, required(inputTypes, 1).shape, attrs);
      if (mirrored !== null) return [mirrored];
    }
    const least = smallest(required(inputTypes, 0).shape.slice(2), kernel, attrs);
    return [
      emit.node('ConvTranspose', inputs[2] ? inputs : inputs.slice(0, 2), {
        ...onnxWindow(attrs, kernel),
        group: { int: attrs.groups },
        output_padding: { ints: attrs.size.map((dim, axis) => dim - dimAt(least, axis)) },
      }),
    ];
  },
  samples: () => [
    {
      name: '1-D, stride 2',
      attrs: { ...windowOf(1, { stride: 2 }), groups: 1, size: [8] },
      inputs: [normal([2, 3, 4], 1), normal([3, 2, 2], 2), normal([2], 3)],
    },
    {
      name: '2-D, larger than the smallest size',
      attrs: { ...windowOf(2, { stride: [2, 3], padding: [1, [0, 1]] }), groups: 1, size: [6, 6] },
      inputs: [normal([2, 3, 3, 2], 4), normal([3, 2, 3, 3], 5), null],
    },
    {
      name: '2-D, groups, dilated',
      attrs: { ...windowOf(2, { dilation: 2, padding: 1 }), groups: 2, size: [5, 4] },
      inputs: [normal([1, 4, 5, 4], 6), normal([4, 3, 2, 2], 7), normal([6], 8)],
    },
    {
      name: '1-D, groups, padding beyond the kernel',
      attrs: { ...windowOf(1, { padding: 2 }), groups: 2, size: [3] },
      inputs: [normal([2, 4, 6], 11), normal([4, 1, 2], 12), normal([2], 13)],
    },
    {
      name: '2-D, kernel of 4, stride 2, padding 1',
      attrs: { ...windowOf(2, { stride: 2, padding: 1 }), groups: 1, size: [6, 4] },
      inputs: [normal([2, 3, 3, 2], 14), normal([3, 2, 4, 4], 15), normal([2], 16)],
    },
    {
      name: '2-D, groups, stride 2',
      attrs: { ...windowOf(2, { stride: 2 }), groups: 2, size: [6, 5] },
      inputs: [normal([1, 4, 3, 2], 17), normal([4, 1, 2, 3], 18), null],
    },
    {
      name: '2-D, depthwise, stride 1',
      attrs: { ...windowOf(2, { padding: 1 }), groups: 3, size: [4, 5] },
      inputs: [normal([1, 3, 4, 5], 19), normal([3, 1, 3, 3], 20), null],
    },
    {
      name: 'one element',
      attrs: { ...windowOf(1, {}), groups: 1, size: [3] },
      inputs: [normal([1, 1, 1], 9), normal([1, 2, 3], 10), null],
    },
  ],
});

/** The transpose of conv by its input: dy [N, C, …], weight [C, O/groups, …] to [N, O, …size]. */
export function transposedConv(x: Value, weight: Value, bias: Value | null, size: Shape, attrs: ConvAttrs): Value {
  const { stride, padding, dilation, groups } = attrs;
  return apply1(convTransposeOp, [x, weight, bias], { stride, padding, dilation, groups, size: [...size] });
}

export interface ConvTransposeOptions extends ConvOptions {
  /** Elements beyond the smallest size along each axis, below the stride; default 0. */
  readonly outputPadding?: readonly number[];
}

/** Transposed convolution of x [N, C, …] by weight [C, O/groups, …] to (n - 1) stride + dilation (k - 1) + 1 - padding per axis. */
export function convTranspose(
  x: Value,
  weight: Value,
  bias: Value | null = null,
  options: ConvTransposeOptions = {},
): Value {
  const attrs = { ...windowOf(x.type.shape.length - 2, options), groups: options.groups ?? 1 };
  const least = smallest(x.type.shape.slice(2), weight.type.shape.slice(2), attrs);
  return transposedConv(
    x,
    weight,
    bias,
    least.map((dim, axis) => dim + (options.outputPadding?.[axis] ?? 0)),
    attrs,
  );
}
