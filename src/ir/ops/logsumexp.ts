import { f32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { tensorType } from '../types.ts';
import { abs } from './abs.ts';
import { add } from './add.ts';
import { exp } from './exp.ts';
import { less } from './less.ts';
import { log } from './log.ts';
import { mul } from './mul.ts';
import { type ReduceAttrs, reducedShape } from './reduce.ts';
import { max } from './reduceMax.ts';
import { sum } from './reduceSum.ts';
import { reshape } from './reshape.ts';
import { stopGradient } from './stopGradient.ts';
import { sub } from './sub.ts';
import { where } from './where.ts';

/** x where it is finite, else 0. */
const finite = (x: Value): Value => where(less(abs(x), Infinity), x, 0);

export const logsumexpOp = defineOp<ReduceAttrs>({
  name: 'logsumexp',
  formula: 'y = m + ln Σ exp(x - m) over axes, m = max x; -infinity, with a gradient of 0, where every x is -infinity',
  infer: (inputs, attrs) => {
    const x = required(inputs, 0);
    if (x.dtype !== 'f32') throw new TypeError(`Expected f32 but found ${x.dtype}`);
    return [tensorType('f32', reducedShape(x.shape, attrs))];
  },
  vjp: ({ cotangents, inputs, outputs, attrs }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const x = required(inputs, 0);
    const kept = reducedShape(x.type.shape, { ...attrs, keepDims: true });
    return [mul(exp(sub(x, finite(reshape(required(outputs, 0), kept)))), reshape(dy, kept))];
  },
  // ONNX Runtime's ReduceLogSumExp takes 0 for the largest where the first is -infinity.
  decompose: (inputs, attrs) => {
    const x = required(inputs, 0);
    const top = finite(stopGradient(max(x, attrs.axes, true)));
    const total = log(sum(exp(sub(x, top)), attrs.axes, true));
    return [reshape(add(top, total), reducedShape(x.type.shape, attrs))];
  },
  samples: () => [
    { name: 'last axis kept', attrs: { axes: [-1], keepDims: true }, inputs: [normal([3, 5], 1)] },
    { name: 'two axes', attrs: { axes: [0, 2], keepDims: false }, inputs: [normal([2, 3, 4], 2)] },
    {
      name: 'large, tied and masked',
      attrs: { axes: [1], keepDims: false },
      inputs: [f32([4, 2], [1000, 999, -1000, -1000, -Infinity, 2, -Infinity, -Infinity])],
      skipGradient: 'infinite operands',
    },
    {
      name: 'masked first',
      attrs: { axes: [1], keepDims: false },
      inputs: [f32([2, 2], [-Infinity, -104, -Infinity, 1000])],
      skipGradient: 'infinite operands',
    },
  ],
});

/** ln Σ exp x over axes, all by default, safe for large magnitudes. */
export function logsumexp(
  x: Value,
  axes: readonly number[] = x.type.shape.map((_, axis) => axis),
  keepDims = false,
): Value {
  return apply1(logsumexpOp, [x], { axes: [...axes], keepDims });
}
