import { apply1, type Value } from '../graph.ts';
import { dimAt, type Shape, sizeOf, stridesOf } from '../types.ts';
import { concat } from './concat.ts';
import { type ConvAttrs, convOp } from './conv.ts';
import { matmul } from './matmul.ts';
import { mul } from './mul.ts';
import { pad } from './pad.ts';
import { sum } from './reduceSum.ts';
import { reshape } from './reshape.ts';
import { slice } from './slice.ts';
import { transpose } from './transpose.ts';

/** Above as many elements of the kernel one convolution is less work than a product for each. */
const fewElements = 32;

/** Below as many channels a product has too little to do. */
const manyChannels = 8;

/**
 * dw of a convolution of x [N, C, …] with dy [N, O, …]: for small kernels a product of dy with x moved by each element
 * of the kernel, else a convolution in its turn.
 */
export function convWeightGrad(x: Value, dy: Value, kernel: Shape, attrs: ConvAttrs): Value {
  const channels = dimAt(x.type.shape, 1);
  const depthwise = attrs.groups === channels && dimAt(dy.type.shape, 1) === channels;
  const plain = attrs.groups === 1 && channels >= manyChannels;
  const dense = attrs.stride.every((stride) => stride === 1);
  return dense && (depthwise || plain) && sizeOf(kernel) <= fewElements
    ? byElement(x, dy, kernel, attrs)
    : byConvolution(x, dy, kernel, attrs);
}

function byElement(x: Value, dy: Value, kernel: Shape, { padding, dilation, groups }: ConvAttrs): Value {
  const [batch, channels] = [dimAt(x.type.shape, 0), dimAt(x.type.shape, 1)];
  const [out, ...counts] = dy.type.shape.slice(1);
  const padded = pad(x, [[0, 0], [0, 0], ...padding]);
  const strides = stridesOf(kernel);
  const rows = reshape(dy, [batch, out ?? 0, sizeOf(counts)]);
  const elements = Array.from({ length: sizeOf(kernel) }, (_, element) => {
    const moved = counts.reduce((rest, count, axis) => {
      const start = (Math.floor(element / dimAt(strides, axis)) % dimAt(kernel, axis)) * dimAt(dilation, axis);
      return slice(rest, axis + 2, start, start + count);
    }, padded);
    const columns = reshape(moved, [batch, channels, sizeOf(counts)]);
    const product =
      groups === 1 ? sum(matmul(rows, columns, { transposeB: true }), [0]) : sum(mul(rows, columns), [0, 2]);
    return reshape(product, [out ?? 0, channels / groups, 1]);
  });
  return reshape(concat(elements, 2), [out ?? 0, channels / groups, ...kernel]);
}

/** Channels become the batch, the batch the channels, dy the kernel, and stride and dilation change places. */
function byConvolution(x: Value, dy: Value, kernel: Shape, attrs: ConvAttrs): Value {
  const { groups, stride, dilation } = attrs;
  const spatial = x.type.shape.slice(2);
  const behind = spatial.map((_, axis) => axis + 3);
  const batch = dimAt(x.type.shape, 0);
  const perGroup = dimAt(x.type.shape, 1) / groups;
  const byChannel = transpose(reshape(x, [batch, groups, perGroup, ...spatial]), [2, 1, 0, ...behind]);
  const swapped = [1, 0, ...spatial.map((_, axis) => axis + 2)];
  const dw = apply1(
    convOp,
    [reshape(byChannel, [perGroup, groups * batch, ...spatial]), transpose(dy, swapped), null],
    { ...attrs, stride: dilation, dilation: stride },
  );
  // Where the stride does not divide the input, places past the kernel are computed too.
  return transpose(
    kernel.reduce((rest, dim, axis) => slice(rest, axis + 2, 0, dim), dw),
    swapped,
  );
}
