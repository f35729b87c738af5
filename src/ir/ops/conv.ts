import { el, emptyDense, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { dimAt, formatShape, sizeOf, type TensorType, tensorType } from '../types.ts';
import { convWeightGrad } from './convWeightGrad.ts';
import { transposedConv } from './convTranspose.ts';
import { sum } from './reduceSum.ts';
import {
  checkWindow,
  forEachTap,
  onnxWindow,
  type Window,
  windowCounts,
  windowOf,
  type WindowOptions,
} from './spatial.ts';
import { requireF32 } from './requireF32.ts';

export type ConvAttrs = Window & { readonly groups: number };

function infer(inputs: readonly (TensorType | null)[], attrs: ConvAttrs): readonly TensorType[] {
  const [x, w, bias] = [required(inputs, 0), required(inputs, 1), inputs[2] ?? null];
  requireF32(inputs);
  const { groups } = attrs;
  checkWindow(attrs, x.shape.length - 2);
  const channels = dimAt(x.shape, 1);
  const out = dimAt(w.shape, 0);
  if (
    w.shape.length !== x.shape.length ||
    channels % groups !== 0 ||
    dimAt(w.shape, 1) !== channels / groups ||
    out % groups !== 0
  ) {
    throw new RangeError(
      `Expected x [N, C, …] and weight [O, C/${groups}, …] but found ${formatShape(x.shape)} and ${formatShape(w.shape)}`,
    );
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw new RangeError(`Expected bias [${out}] but found ${formatShape(bias.shape)}`);
  }
  return [tensorType('f32', [dimAt(x.shape, 0), out, ...windowCounts(x.shape.slice(2), w.shape.slice(2), attrs)])];
}

/** Sum over all axes but the channels. */
export const sumPerChannel = (y: Value): Value =>
  sum(
    y,
    y.type.shape.map((_, axis) => axis).filter((axis) => axis !== 1),
  );

/** Inputs x, weight, bias or none. */
export const convOp: Op<ConvAttrs> = defineOp<ConvAttrs>({
  name: 'conv',
  formula:
    'y[n, o, p] = b[o] + Σ_{c, k} w[o, c, k] x[n, c, p stride + k dilation - padding], c in the group of o; 0 outside x',
  infer,
  vjp: ({ cotangents, inputs, needs, attrs }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const [x, w] = [required(inputs, 0), required(inputs, 1)];
    return [
      needs[0] ? transposedConv(dy, w, null, x.type.shape.slice(2), attrs) : undefined,
      needs[1] ? convWeightGrad(x, dy, w.type.shape.slice(2), attrs) : undefined,
      needs[2] ? sumPerChannel(dy) : undefined,
    ];
  },
  reference: (inputs, attrs) => {
    const [x, w, bias] = [required(inputs, 0), required(inputs, 1), inputs[2] ?? null];
    const [type] = infer([x, w, bias], attrs);
    const y = emptyDense('f32', required([type ?? null], 0).shape);
    const [batch, out] = [dimAt(y.shape, 0), dimAt(y.shape, 1)];
    const [spatial, kernel] = [x.shape.slice(2), w.shape.slice(2)];
    const perGroup = dimAt(w.shape, 1);
    const [planeX, planeY, planeW] = [sizeOf(spatial), sizeOf(y.shape.slice(2)), sizeOf(kernel)];
    for (let n = 0; n < batch; n++) {
      for (let o = 0; o < out; o++) {
        const start = Math.floor(o / (out / attrs.groups)) * perGroup;
        const to = (n * out + o) * planeY;
        y.data.fill(bias ? el(bias.data, o) : 0, to, to + planeY);
        for (let c = 0; c < perGroup; c++) {
          const from = (n * dimAt(x.shape, 1) + start + c) * planeX;
          const weights = (o * perGroup + c) * planeW;
          forEachTap(spatial, kernel, attrs, (place, element, inside) => {
            y.data[to + place] = el(y.data, to + place) + el(w.data, weights + element) * el(x.data, from + inside);
          });
        }
      }
    }
    return [y];
  },
  onnx: (emit, inputs, { attrs, inputTypes }) => [
    emit.node('Conv', inputs[2] ? inputs : inputs.slice(0, 2), {
      ...onnxWindow(attrs, required(inputTypes, 1).shape.slice(2)),
      group: { int: attrs.groups },
    }),
  ],
  samples: () => [
    {
      name: '1-D, bias',
      attrs: { ...windowOf(1, { padding: 1 }), groups: 1 },
      inputs: [normal([2, 3, 5], 1), normal([4, 3, 3], 2), normal([4], 3)],
    },
    {
      name: '1-D, causal, dilated, depthwise',
      attrs: { ...windowOf(1, { padding: [[4, 0]], dilation: 2 }), groups: 3 },
      inputs: [normal([2, 3, 6], 4), normal([3, 1, 3], 5), null],
    },
    {
      name: '1-D, many channels',
      attrs: { ...windowOf(1, { padding: [[0, 2]], dilation: 2 }), groups: 1 },
      inputs: [normal([2, 9, 6], 16), normal([3, 9, 2], 17), null],
    },
    {
      name: '2-D, stride that does not divide',
      attrs: { ...windowOf(2, { stride: [2, 3], padding: [1, [0, 1]] }), groups: 1 },
      inputs: [normal([2, 2, 6, 7], 6), normal([3, 2, 3, 2], 7), normal([3], 8)],
    },
    {
      name: '2-D, groups, dilated',
      attrs: { ...windowOf(2, { dilation: [1, 2], padding: 1 }), groups: 2 },
      inputs: [normal([2, 4, 4, 5], 9), normal([6, 2, 2, 3], 10), normal([6], 11)],
    },
    {
      name: '2-D, patches',
      attrs: { ...windowOf(2, { stride: 2 }), groups: 1 },
      inputs: [normal([1, 3, 4, 6], 12), normal([5, 3, 2, 2], 13), null],
    },
    {
      name: '2-D, depthwise',
      attrs: { ...windowOf(2, { padding: 1 }), groups: 4 },
      inputs: [normal([2, 4, 5, 4], 18), normal([4, 1, 3, 3], 19), normal([4], 20)],
    },
    {
      name: '2-D, many channels',
      attrs: { ...windowOf(2, { padding: 1 }), groups: 1 },
      inputs: [normal([2, 9, 4, 5], 21), normal([3, 9, 3, 3], 22), normal([3], 23)],
    },
    {
      name: '2-D, large kernel, stride 2',
      attrs: { ...windowOf(2, { stride: 2, padding: 3 }), groups: 1 },
      inputs: [normal([1, 3, 9, 8], 24), normal([4, 3, 7, 7], 25), normal([4], 26)],
    },
    {
      name: '1-D, strided, padded',
      attrs: { ...windowOf(1, { stride: 2, padding: 1 }), groups: 1 },
      inputs: [normal([2, 4, 8], 27), normal([5, 4, 3], 28), normal([5], 29)],
    },
    {
      name: '1 by 1',
      attrs: { ...windowOf(2, {}), groups: 1 },
      inputs: [normal([2, 3, 1, 1], 14), normal([2, 3, 1, 1], 15), null],
    },
  ],
});

export interface ConvOptions extends WindowOptions {
  /** Channels are split into as many parts that do not see each other; default 1. */
  readonly groups?: number;
}

/** Convolution of x [N, C, L] or [N, C, H, W] by weight [O, C/groups, …]; bias [O] may be left out. */
export function conv(x: Value, weight: Value, bias: Value | null = null, options: ConvOptions = {}): Value {
  const window = windowOf(x.type.shape.length - 2, options);
  return apply1(convOp, [x, weight, bias], { ...window, groups: options.groups ?? 1 });
}
