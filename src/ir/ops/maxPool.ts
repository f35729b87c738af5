import { el, emptyDense, f32, normal } from '../dense.ts';
import { apply, at, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, type Shape, sizeOf, tensorType } from '../types.ts';
import { reshape } from './reshape.ts';
import { scatterAddAlong } from './scatterAddAlong.ts';
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

export type PoolAttrs = Window & { readonly kernel: Shape };

export function pooledShape(x: Shape, attrs: PoolAttrs): Shape {
  checkWindow(attrs, x.length - 2);
  if (attrs.padding.some(([before, after], axis) => Math.max(before, after) >= dimAt(attrs.kernel, axis))) {
    throw new RangeError(`Expected padding below the kernel [${attrs.kernel.join(', ')}], else a window is empty`);
  }
  return [...x.slice(0, 2), ...windowCounts(x.slice(2), attrs.kernel, attrs)];
}

export const maxPoolOp = defineOp<PoolAttrs>({
  name: 'maxPool',
  formula:
    'y = the largest element of each window over the axes behind [N, C], and its flat i32 place in x; the first of ties gets the gradient. Windows of -infinity alone are not defined',
  infer: (inputs, attrs) => {
    requireF32(inputs);
    const shape = pooledShape(required(inputs, 0).shape, attrs);
    return [tensorType('f32', shape), tensorType('i32', shape)];
  },
  vjp: ({ cotangents, inputs, outputs }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const { shape } = required(inputs, 0).type;
    const count = sizeOf(dy.type.shape);
    const flat = scatterAddAlong(reshape(at(outputs, 1), [count]), reshape(dy, [count]), 0, sizeOf(shape));
    return [reshape(flat, shape)];
  },
  reference: (inputs, attrs) => {
    const x = required(inputs, 0);
    const shape = pooledShape(x.shape, attrs);
    const y = emptyDense('f32', shape);
    const places = emptyDense('i32', shape);
    y.data.fill(-Infinity);
    const spatial = x.shape.slice(2);
    const [plane, planeY] = [sizeOf(spatial), sizeOf(shape.slice(2))];
    for (let channel = 0; channel < sizeOf(x.shape.slice(0, 2)); channel++) {
      forEachTap(spatial, attrs.kernel, attrs, (place, _element, inside) => {
        const [to, from] = [channel * planeY + place, channel * plane + inside];
        if (!(el(x.data, from) > el(y.data, to))) return;
        y.data[to] = el(x.data, from);
        places.data[to] = from;
      });
    }
    return [y, places];
  },
  onnx: (emit, inputs, { attrs }) => {
    const [y, places] = emit.nodes('MaxPool', inputs, onnxWindow(attrs, attrs.kernel), { outputs: 2 });
    return [y ?? '', emit.cast(places ?? '', 'i32')];
  },
  onnxPlain: (emit, inputs, { attrs, inputTypes, outputTypes }) => {
    const { shape } = required(inputTypes, 0);
    const { shape: pooled } = required(outputTypes, 0);
    const [spatial, planes] = [shape.slice(2), sizeOf(shape.slice(0, 2))];
    const [plane, places, taps] = [sizeOf(spatial), sizeOf(pooled.slice(2)), sizeOf(attrs.kernel)];
    // Where each tap lies in its plane; what lies outside reads one -infinity behind it.
    const inside = new Int32Array(places * taps).fill(plane);
    forEachTap(spatial, attrs.kernel, attrs, (place, element, index) => {
      inside[place * taps + element] = index;
    });
    const key = JSON.stringify([spatial, attrs]);
    const outside = emit.constant(`-Infinity:${planes}`, 'f32', [planes, 1], () =>
      new Float32Array(planes).fill(-Infinity),
    );
    const padded = emit.node('Concat', [emit.reshape(required(inputs, 0), [planes, plane]), outside], {
      axis: { int: 1 },
    });
    const windows = emit.node('Gather', [padded, emit.constant(`taps:${key}`, 'i32', [places, taps], () => inside)], {
      axis: { int: 1 },
    });
    const y = emit.node('ReduceMax', [windows, emit.ints([-1])], { keepdims: { int: 1 } });
    const numbers = emit.constant(`tap numbers:${key}`, 'f32', [places, taps], () => inside);
    const chosen = emit.node('Where', [emit.node('Equal', [windows, y]), numbers, emit.scalar(plane)]);
    const first = emit.node('ReduceMin', [chosen, emit.ints([-1])], { keepdims: { int: 0 } });
    const starts = emit.constant(`planes:${planes}:${plane}`, 'i32', [planes, 1], () =>
      Int32Array.from({ length: planes }, (_, i) => i * plane),
    );
    return [emit.reshape(y, pooled), emit.reshape(emit.node('Add', [emit.cast(first, 'i32'), starts]), pooled)];
  },
  samples: () => [
    { name: '1-D', attrs: { ...windowOf(1, { stride: 2 }), kernel: [2] }, inputs: [normal([2, 3, 7], 1)] },
    {
      name: '2-D, overlapping, padded',
      attrs: { ...windowOf(2, { stride: [1, 2], padding: 1 }), kernel: [2, 3] },
      inputs: [normal([2, 2, 4, 5], 2)],
    },
    {
      name: '2-D, kernel of 3, stride 2, padding 1',
      attrs: { ...windowOf(2, { stride: 2, padding: 1 }), kernel: [3, 3] },
      inputs: [normal([1, 3, 7, 6], 3)],
    },
    { name: 'global', attrs: { ...windowOf(2, {}), kernel: [4, 3] }, inputs: [normal([2, 2, 4, 3], 4)] },
    {
      name: 'ties, large',
      attrs: { ...windowOf(1, {}), kernel: [2] },
      inputs: [f32([1, 1, 5], [2, 2, -1e30, -1e30, 1e30])],
      skipGradient: 'ties have no derivative',
    },
  ],
});

export interface PoolOptions extends Omit<WindowOptions, 'dilation'> {
  /** One size per axis behind [N, C]. */
  readonly kernel: readonly number[];
}

/** Attributes of a pool: a stride of the kernel's own size by default. */
export const poolWindow = (x: Value, { kernel, stride = kernel, padding = 0 }: PoolOptions): PoolAttrs => ({
  ...windowOf(x.type.shape.length - 2, { stride, padding }),
  kernel: [...kernel],
});

/** The largest element of each window of x [N, C, L] or [N, C, H, W]. */
export function maxPool(x: Value, options: PoolOptions): Value {
  return at(apply(maxPoolOp, [x], poolWindow(x, options)), 0);
}
