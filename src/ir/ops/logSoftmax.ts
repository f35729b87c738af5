import { f32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import type { NoAttrs } from './elementwise.ts';
import { exp } from './exp.ts';
import { log } from './log.ts';
import { mul } from './mul.ts';
import { max } from './reduceMax.ts';
import { sum } from './reduceSum.ts';
import { stopGradient } from './stopGradient.ts';
import { sub } from './sub.ts';

export const logSoftmaxOp = defineOp<NoAttrs>({
  name: 'logSoftmax',
  formula: 'y = x - max x - ln Σ exp(x - max x) over the last axis; -infinity stays; a row of -infinity alone is NaN',
  infer: (inputs) => {
    const x = required(inputs, 0);
    if (x.dtype !== 'f32' || x.shape.length === 0) throw new TypeError(`Expected f32 rows but found ${x.dtype}`);
    return [x];
  },
  vjp: ({ cotangents, outputs }) => {
    const dy = cotangents[0];
    return dy ? [sub(dy, mul(exp(required(outputs, 0)), sum(dy, [-1], true)))] : [];
  },
  decompose: (inputs) => {
    const x = required(inputs, 0);
    const shifted = sub(x, stopGradient(max(x, [-1], true)));
    return [sub(shifted, log(sum(exp(shifted), [-1], true)))];
  },
  onnx: (emit, inputs) => [emit.node('LogSoftmax', inputs, { axis: { int: -1 } })],
  samples: () => [
    { name: 'rows', attrs: {}, inputs: [normal([3, 5], 1)] },
    { name: 'a row of one', attrs: {}, inputs: [normal([2, 1], 2)] },
    {
      name: 'large, tied and masked',
      attrs: {},
      inputs: [f32([3, 3], [1000, 999, -1000, 4, 4, 4, 0, -Infinity, 1])],
      skipGradient: 'infinite operands',
    },
  ],
});

/** Logarithm of the softmax over the last axis. */
export function logSoftmax(x: Value): Value {
  return apply1(logSoftmaxOp, [x], {});
}
