import { bool } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import type { NoAttrs } from './elementwise.ts';

export const notOp = defineOp<NoAttrs>({
  name: 'not',
  formula: 'y = not x',
  infer: (inputs) => {
    const x = required(inputs, 0);
    if (x.dtype !== 'bool') throw new TypeError(`Expected bool but found ${x.dtype}`);
    return [x];
  },
  vjp: 'nondifferentiable',
  reference: (inputs) => {
    const x = required(inputs, 0);
    return [{ dtype: 'bool', shape: x.shape, data: x.data.map((value) => (value === 0 ? 1 : 0)) }];
  },
  onnx: (emit, inputs) => [emit.node('Not', inputs)],
  samples: () => [{ name: 'both', attrs: {}, inputs: [bool([2, 1], [0, 1])] }],
});

/** not x, of bools. */
export function not(x: Value): Value {
  return apply1(notOp, [x], {});
}
