import { f32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { div } from './div.ts';
import type { NoAttrs } from './elementwise.ts';
import { exp } from './exp.ts';
import { mul } from './mul.ts';
import { max } from './reduceMax.ts';
import { sum } from './reduceSum.ts';
import { stopGradient } from './stopGradient.ts';
import { sub } from './sub.ts';
import { requireF32 } from './requireF32.ts';

export const softmaxOp = defineOp<NoAttrs>({
  name: 'softmax',
  formula:
    'y = exp(x - max x) / Σ exp(x - max x) over the last axis; -infinity gets 0; a row of -infinity alone is NaN',
  infer: (inputs) => {
    requireF32(inputs);
    return [required(inputs, 0)];
  },
  vjp: ({ cotangents, outputs }) => {
    const dy = cotangents[0];
    const y = required(outputs, 0);
    return dy ? [mul(y, sub(dy, sum(mul(dy, y), [-1], true)))] : [];
  },
  decompose: (inputs) => {
    const x = required(inputs, 0);
    const e = exp(sub(x, stopGradient(max(x, [-1], true))));
    return [div(e, sum(e, [-1], true))];
  },
  onnx: (emit, inputs) => [emit.node('Softmax', inputs, { axis: { int: -1 } })],
  samples: () => [
    { name: 'rows', attrs: {}, inputs: [normal([3, 5], 1)] },
    { name: 'four axes', attrs: {}, inputs: [normal([2, 2, 3, 4], 2)] },
    {
      name: 'large, tied and masked',
      attrs: {},
      inputs: [f32([3, 3], [1000, 999, -1000, 4, 4, 4, 0, -Infinity, 1])],
      skipGradient: 'infinite operands',
    },
  ],
});

/** Softmax over the last axis. */
export function softmax(x: Value): Value {
  return apply1(softmaxOp, [x], {});
}
