import { normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import type { NoAttrs } from './elementwise.ts';

export const stopGradientOp = defineOp<NoAttrs>({
  name: 'stopGradient',
  formula: 'y = x, with a gradient of zero',
  infer: (inputs) => [required(inputs, 0)],
  vjp: () => [],
  gradientInputs: [],
  reference: (inputs) => [required(inputs, 0)],
  onnx: (_emit, inputs) => [required(inputs, 0)],
  samples: () => [
    { name: 'matrix', attrs: {}, inputs: [normal([2, 3], 1)], skipGradient: 'the gradient is zero by definition' },
  ],
});

/** x, through which no gradient passes. */
export function stopGradient(x: Value): Value {
  return apply1(stopGradientOp, [x], {});
}
