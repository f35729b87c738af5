import { normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { formatType, sameType } from '../types.ts';
import type { NoAttrs } from './elementwise.ts';

export const straightThroughOp = defineOp<NoAttrs>({
  name: 'straightThrough',
  formula: 'y = the second operand, with the gradient dx = dy of the first (Bengio et al. 2013, arXiv:1308.3432, §4)',
  infer: (inputs) => {
    const [x, y] = [required(inputs, 0), required(inputs, 1)];
    if (x.dtype !== 'f32' || !sameType(x, y))
      throw new TypeError(`Expected two f32 operands of one shape but found ${formatType(x)} and ${formatType(y)}`);
    return [y];
  },
  vjp: ({ cotangents }) => [cotangents[0]],
  reference: (inputs) => [required(inputs, 1)],
  onnx: (_emit, inputs) => [required(inputs, 1)],
  samples: () => [
    {
      name: 'matrix',
      attrs: {},
      inputs: [normal([2, 3], 1), normal([2, 3], 2)],
      skipGradient: 'the gradient is another by definition',
    },
  ],
});

/** `replacement` going forward, x going backward: rounding, thresholds and codes that train. */
export function straightThrough(x: Value, replacement: Value): Value {
  return apply1(straightThroughOp, [x, replacement], {});
}
