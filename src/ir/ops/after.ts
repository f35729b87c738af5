import { normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { sizeOf } from '../types.ts';
import type { NoAttrs } from './elementwise.ts';

export const afterOp = defineOp<NoAttrs>({
  name: 'after',
  formula:
    'y = x, computed only once the second operand is there: keeps recomputation from being merged with what it recomputes',
  infer: (inputs) => {
    required(inputs, 1);
    return [required(inputs, 0)];
  },
  vjp: ({ cotangents }) => [cotangents[0]],
  gradientInputs: [0],
  reference: (inputs) => [required(inputs, 0)],
  /** An empty slice of the second operand joins x, so that no scheduler can run this early and no number changes. */
  onnx: (emit, inputs, { inputTypes }) => {
    const x = required(inputTypes, 0);
    const flat = emit.reshape(required(inputs, 0), [sizeOf(x.shape)]);
    const signal = emit.reshape(required(inputs, 1), [sizeOf(required(inputTypes, 1).shape)]);
    const none = emit.node('Slice', [emit.cast(signal, x.dtype), emit.ints([0]), emit.ints([0]), emit.ints([0])]);
    return [emit.reshape(emit.node('Concat', [flat, none], { axis: { int: 0 } }), x.shape)];
  },
  samples: () => [{ name: 'matrix', attrs: {}, inputs: [normal([2, 3], 1), normal([4], 2)] }],
});

/** x, once `signal` has been computed. */
export function after(x: Value, signal: Value): Value {
  return apply1(afterOp, [x, signal], {});
}
