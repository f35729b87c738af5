import type { Value } from '../../../src/ir/graph.ts';
import * as ir from '../../../src/ir/index.ts';
import { type Draw, maybe, moderate, type Property } from './draw.ts';

/** A window that fits: sizes, kernel, stride, padding, dilation of one or two axes. */
function windowFor({ pick }: Draw, axes: number) {
  const spatial = Array.from({ length: axes }, () => 3 + pick(6));
  const kernel = spatial.map(() => 1 + pick(3));
  const dilation = kernel.map((size) => (size === 1 ? 1 : 1 + pick(2)));
  const padding = kernel.map((size): [number, number] => [pick(size), pick(size)]);
  return { spatial, kernel, stride: kernel.map(() => 1 + pick(3)), padding, dilation };
}

function convolve(draw: Draw): Value {
  const axes = 1 + draw.pick(2);
  const { spatial, kernel, stride, padding, dilation } = windowFor(draw, axes);
  const [groups, channels, out] = [[1, 1, 2, 3][draw.pick(4)] ?? 1, 1 + draw.pick(9), 1 + draw.pick(3)];
  const inside = kernel.map((size, i) =>
    (size - 1) * (dilation[i] ?? 1) < (spatial[i] ?? 1) ? (dilation[i] ?? 1) : 1,
  );
  const x = draw.f32([1 + draw.pick(2), channels * groups, ...spatial], moderate);
  const w = draw.f32([out * groups, channels, ...kernel], moderate);
  const bias = maybe(draw, () => draw.f32([out * groups], moderate));
  return ir.conv(x, w, bias, { stride, padding, dilation: inside, groups });
}

function convolveBack(draw: Draw): Value {
  const { kernel, stride, dilation } = windowFor(draw, 1 + draw.pick(2));
  const [groups, channels, out] = [1 + draw.pick(2), 1 + draw.pick(3), 1 + draw.pick(3)];
  const spatial = kernel.map(() => 2 + draw.pick(4));
  const x = draw.f32([1 + draw.pick(2), channels * groups, ...spatial], moderate);
  const w = draw.f32([channels * groups, out, ...kernel], moderate);
  const bias = maybe(draw, () => draw.f32([out * groups], moderate));
  const outputPadding = stride.map((by) => draw.pick(by));
  const padding = kernel.map((size): [number, number] => [draw.pick(size), 0]);
  return ir.convTranspose(x, w, bias, { stride, dilation, groups, outputPadding, padding });
}

function pooled(draw: Draw, pool: (x: Value, window: Parameters<typeof ir.maxPool>[1]) => Value): Value {
  const { spatial, kernel, stride, padding } = windowFor(draw, 1 + draw.pick(2));
  return pool(draw.f32([1 + draw.pick(2), draw.size(), ...spatial], moderate), { kernel, stride, padding });
}

/** Convolution, pooling and resizing over one and two axes. */
export const windowProperties: readonly Property[] = [
  { name: 'conv', build: (draw) => [convolve(draw)] },
  { name: 'convTranspose', build: (draw) => [convolveBack(draw)] },
  { name: 'maxPool', build: (draw) => [pooled(draw, ir.maxPool)] },
  {
    name: 'avgPool',
    build: (draw) => [pooled(draw, (x, window) => ir.avgPool(x, { ...window, countPadding: draw.pick(2) === 0 }))],
  },
  {
    name: 'resize',
    build: (draw) => {
      const { spatial } = windowFor(draw, 1 + draw.pick(2));
      const mode = draw.pick(2) === 0 ? 'nearest' : 'linear';
      const size = spatial.map((dim) => (draw.pick(3) === 0 ? 2 * dim : 1 + draw.pick(9)));
      const x = draw.f32([1 + draw.pick(2), draw.size(), ...spatial], moderate);
      return [ir.resize(x, size, { mode, alignCorners: draw.pick(2) === 0 })];
    },
  },
];
