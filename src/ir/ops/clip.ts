import { f32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { and } from './and.ts';
import { lessEqual } from './lessEqual.ts';
import { where } from './where.ts';

type ClipAttrs = { readonly low: number; readonly high: number };

export const clipOp = defineOp<ClipAttrs>({
  name: 'clip',
  formula: 'y = min(max(x, low), high); the gradient passes where low <= x <= high',
  elementwise: true,
  infer: (inputs, { low, high }) => {
    const x = required(inputs, 0);
    if (x.dtype !== 'f32') throw new TypeError(`Expected f32 but found ${x.dtype}`);
    if (!(low <= high)) throw new RangeError(`Expected low <= high but found ${low} and ${high}`);
    return [x];
  },
  vjp: ({ cotangents, inputs, attrs: { low, high } }) => {
    const dy = cotangents[0];
    const x = required(inputs, 0);
    return dy ? [where(and(lessEqual(low, x), lessEqual(x, high)), dy, 0)] : [];
  },
  reference: (inputs, { low, high }) => {
    const x = required(inputs, 0);
    const [from, to] = [Math.fround(low), Math.fround(high)];
    return [{ dtype: 'f32', shape: x.shape, data: x.data.map((value) => Math.min(Math.max(value, from), to)) }];
  },
  onnx: (emit, inputs, { attrs: { low, high } }) => {
    const x = required(inputs, 0);
    // Clip without an end clips infinities to the largest finite number.
    if (low === -Infinity && high === Infinity) return [x];
    if (low === -Infinity) return [emit.node('Min', [x, emit.scalar(high)])];
    if (high === Infinity) return [emit.node('Max', [x, emit.scalar(low)])];
    return [emit.node('Clip', [x, emit.scalar(low), emit.scalar(high)])];
  },
  samples: () => [
    { name: 'both ends', attrs: { low: -0.5, high: 1 }, inputs: [normal([3, 5], 1)] },
    { name: 'from below', attrs: { low: 0, high: Infinity }, inputs: [normal([7], 2)] },
    { name: 'from above', attrs: { low: -Infinity, high: 0.5 }, inputs: [normal([7], 3)] },
    { name: 'without ends', attrs: { low: -Infinity, high: Infinity }, inputs: [normal([3], 4)] },
    {
      name: 'infinite, one end',
      attrs: { low: 0, high: Infinity },
      inputs: [f32([3], [-Infinity, Infinity, 1])],
      skipGradient: 'kinks',
    },
    {
      name: 'infinite and at the ends',
      attrs: { low: -1, high: 1 },
      inputs: [f32([4], [-Infinity, -1, 1, Infinity])],
      skipGradient: 'kinks',
    },
  ],
});

/** min(max(x, low), high); either end may be infinite. */
export function clip(x: Value, low: number, high: number): Value {
  return apply1(clipOp, [x], { low, high });
}
