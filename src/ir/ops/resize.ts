import { normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, formatShape, type Shape, tensorType } from '../types.ts';
import { broadcastTo } from './broadcastTo.ts';
import { constant } from './constant.ts';
import { decomposedVjp } from './decomposed.ts';
import { gather } from './gather.ts';
import { matmul } from './matmul.ts';
import { reshape } from './reshape.ts';
import { requireF32 } from './requireF32.ts';

type ResizeAttrs = {
  /** Sizes of the axes behind [N, C]. */
  readonly size: Shape;
  /** 'linear' is bilinear on two axes. */
  readonly mode: 'nearest' | 'linear';
  /** Linear: the corners of both grids coincide, instead of the edges of their outer elements. */
  readonly alignCorners: boolean;
};

/** The element that each place takes: ⌊i from / to⌋. */
const nearest = (from: number, to: number): number[] =>
  Array.from({ length: to }, (_, i) => Math.min(from - 1, Math.floor((i * from) / to)));

/** Weights [to, from] of linear interpolation; places past an edge take the edge. */
function interpolation(from: number, to: number, alignCorners: boolean): Value {
  const weights = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const aligned = to === 1 ? 0 : (i * (from - 1)) / (to - 1);
    const place = alignCorners ? aligned : Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    const low = Math.min(Math.floor(place), from - 1);
    const high = Math.min(low + 1, from - 1);
    weights[i * from + low] = (weights[i * from + low] ?? 0) + 1 - (place - low);
    weights[i * from + high] = (weights[i * from + high] ?? 0) + place - low;
  }
  return constant('f32', [to, from], weights);
}

/** Each element of an axis several times. */
function repeated(x: Value, axis: number, times: number): Value {
  const [before, after] = [x.type.shape.slice(0, axis + 1), x.type.shape.slice(axis + 1)];
  const copies = broadcastTo(reshape(x, [...before, 1, ...after]), [...before, times, ...after]);
  return reshape(copies, [...before.slice(0, -1), dimAt(x.type.shape, axis) * times, ...after]);
}

function decompose(inputs: readonly (Value | null)[], { size, mode, alignCorners }: ResizeAttrs): readonly Value[] {
  let y = required(inputs, 0);
  size.forEach((to, i) => {
    const from = dimAt(y.type.shape, i + 2);
    if (from === to) return;
    if (mode === 'nearest' && to % from === 0) y = repeated(y, i + 2, to / from);
    else if (mode === 'nearest') y = gather(y, constant('i32', [to], nearest(from, to)), i + 2);
    else {
      const weights = interpolation(from, to, alignCorners);
      y = i === size.length - 1 ? matmul(y, weights, { transposeB: true }) : matmul(weights, y);
    }
  });
  return [y];
}

export const resizeOp = defineOp<ResizeAttrs>({
  name: 'resize',
  formula:
    'y = x at another size: nearest takes x[⌊i n/m⌋], linear interpolates at (i + 1/2) n/m - 1/2, or at i (n - 1)/(m - 1) with aligned corners; no smoothing when smaller',
  infer: (inputs, { size }) => {
    requireF32(inputs);
    const x = required(inputs, 0);
    const rank = x.shape.length - 2;
    if ((rank !== 1 && rank !== 2) || size.length !== rank || !size.every((dim) => Number.isInteger(dim) && dim > 0)) {
      throw new RangeError(
        `Expected x [N, C, …] and 1 or 2 sizes but found ${formatShape(x.shape)} and ${formatShape(size)}`,
      );
    }
    return [tensorType(x.dtype, [...x.shape.slice(0, 2), ...size])];
  },
  vjp: (context) => decomposedVjp((inputs) => decompose(inputs, context.attrs), context),
  decompose,
  onnx: (emit, inputs, { attrs: { size, mode, alignCorners }, inputTypes }) => {
    const { shape } = required(inputTypes, 0);
    const x = required(inputs, 0);
    const whole = size.every((to, i) => to % dimAt(shape, i + 2) === 0);
    if (mode === 'nearest' && !whole) {
      // Resize divides in f32, where a place may fall short of its element.
      return [
        size.reduce((y, to, i) => {
          const ids = nearest(dimAt(shape, i + 2), to);
          return emit.node('Gather', [y, emit.constant(`ids:${ids.join()}`, 'i32', [to], () => ids)], {
            axis: { int: i + 2 },
          });
        }, x),
      ];
    }
    const alignment = alignCorners ? 'align_corners' : 'half_pixel';
    const attributes = {
      mode: { string: mode },
      coordinate_transformation_mode: { string: mode === 'nearest' ? 'asymmetric' : alignment },
      nearest_mode: { string: 'floor' },
    };
    // ONNX Runtime's linear kernel is made for images.
    const image = size.length === 1 ? [...shape.slice(0, 2), 1, dimAt(shape, 2)] : shape;
    const sizes = [...shape.slice(0, 2), ...(size.length === 1 ? [1] : []), ...size];
    const y = emit.node('Resize', [emit.reshape(x, image), null, null, emit.ints(sizes)], attributes);
    return [emit.reshape(y, [...shape.slice(0, 2), ...size])];
  },
  samples: () => [
    {
      name: 'nearest, larger',
      attrs: { size: [6], mode: 'nearest', alignCorners: false },
      inputs: [normal([2, 3, 3], 1)],
    },
    {
      name: 'nearest, odd sizes',
      attrs: { size: [7, 3], mode: 'nearest', alignCorners: false },
      inputs: [normal([1, 2, 3, 5], 2)],
    },
    {
      name: 'nearest, twice an image',
      attrs: { size: [6, 4], mode: 'nearest', alignCorners: false },
      inputs: [normal([1, 2, 3, 2], 7)],
    },
    {
      name: 'bilinear, twice an image',
      attrs: { size: [6, 4], mode: 'linear', alignCorners: false },
      inputs: [normal([1, 2, 3, 2], 8)],
    },
    {
      name: 'linear, smaller, ends aligned',
      attrs: { size: [3], mode: 'linear', alignCorners: true },
      inputs: [normal([2, 1, 7], 9)],
    },
    { name: 'linear', attrs: { size: [7], mode: 'linear', alignCorners: false }, inputs: [normal([2, 3, 3], 3)] },
    {
      name: 'bilinear, larger and smaller',
      attrs: { size: [8, 2], mode: 'linear', alignCorners: false },
      inputs: [normal([2, 2, 3, 5], 4)],
    },
    {
      name: 'bilinear, corners aligned',
      attrs: { size: [5, 6], mode: 'linear', alignCorners: true },
      inputs: [normal([1, 2, 3, 2], 5)],
    },
    {
      name: 'bilinear, to and from one',
      attrs: { size: [1, 4], mode: 'linear', alignCorners: false },
      inputs: [normal([1, 2, 4, 1], 6)],
    },
  ],
});

export interface ResizeOptions {
  readonly mode: 'nearest' | 'linear';
  readonly alignCorners?: boolean;
}

/** x [N, C, L] or [N, C, H, W] at another size; `linear` is bilinear on images. */
export function resize(x: Value, size: Shape, { mode, alignCorners = false }: ResizeOptions): Value {
  return apply1(resizeOp, [x], { size: [...size], mode, alignCorners: mode === 'linear' && alignCorners });
}
