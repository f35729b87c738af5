import { f32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { sizeOf, tensorType } from '../types.ts';
import { div } from './div.ts';
import { mul } from './mul.ts';
import { type ReduceAttrs, reducedShape } from './reduce.ts';
import { mean } from './reduceMean.ts';
import { sum } from './reduceSum.ts';
import { reshape } from './reshape.ts';
import { sub } from './sub.ts';

type VarianceAttrs = ReduceAttrs & {
  /** Taken off the count that the squares are divided by: 0 for the population, 1 for a sample (Bessel). */
  readonly correction: number;
};

const divisor = (x: Value, attrs: VarianceAttrs): number =>
  sizeOf(x.type.shape) / sizeOf(reducedShape(x.type.shape, attrs)) - attrs.correction;

export const varianceOp = defineOp<VarianceAttrs>({
  name: 'variance',
  formula: 'y = Σ (x - mean x)² / (n - correction) over axes, in two passes, so that a large mean does not cancel',
  infer: (inputs, attrs) => {
    const x = required(inputs, 0);
    if (x.dtype !== 'f32') throw new TypeError(`Expected f32 but found ${x.dtype}`);
    const shape = reducedShape(x.shape, attrs);
    const count = sizeOf(x.shape) / sizeOf(shape);
    if (!(count > attrs.correction)) {
      throw new RangeError(`Expected more than ${attrs.correction} elements to each variance but found ${count}`);
    }
    return [tensorType('f32', shape)];
  },
  vjp: ({ cotangents, inputs, attrs }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const x = required(inputs, 0);
    const kept = reshape(dy, reducedShape(x.type.shape, { ...attrs, keepDims: true }));
    return [div(mul(mul(sub(x, mean(x, attrs.axes, true)), 2), kept), divisor(x, attrs))];
  },
  decompose: (inputs, attrs) => {
    const x = required(inputs, 0);
    const centered = sub(x, mean(x, attrs.axes, true));
    return [div(sum(mul(centered, centered), attrs.axes, attrs.keepDims), divisor(x, attrs))];
  },
  samples: () => [
    { name: 'population', attrs: { axes: [-1], keepDims: true, correction: 0 }, inputs: [normal([3, 5], 1)] },
    { name: 'sample', attrs: { axes: [0, 2], keepDims: false, correction: 1 }, inputs: [normal([2, 3, 4], 2)] },
    {
      name: 'large mean',
      attrs: { axes: [0], keepDims: false, correction: 0 },
      inputs: [f32([4], [10000, 10001, 10002, 10003])],
    },
  ],
});

/** Variance over axes, all by default; `correction` 1 is the unbiased estimate of a sample. */
export function variance(
  x: Value,
  axes: readonly number[] = x.type.shape.map((_, axis) => axis),
  { keepDims = false, correction = 0 }: { readonly keepDims?: boolean; readonly correction?: number } = {},
): Value {
  return apply1(varianceOp, [x], { axes: [...axes], keepDims, correction });
}
