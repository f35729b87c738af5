import { f32, normal } from '../dense.ts';
import { apply, apply1, at, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { decomposedVjp } from './decomposed.ts';
import { gelu } from './gelu.ts';
import { geluTanh } from './geluTanh.ts';
import { mul } from './mul.ts';
import { sameTypes } from './sameTypes.ts';
import { requireF32 } from './requireF32.ts';

type GegluAttrs = {
  /** tanh: as gelu_pytorch_tanh and gelu_new. */
  readonly approximate: 'none' | 'tanh';
};

const build = (inputs: readonly (Value | null)[], { approximate }: GegluAttrs): Value[] => {
  const gate = required(inputs, 0);
  return [mul(approximate === 'tanh' ? geluTanh(gate) : gelu(gate), required(inputs, 1))];
};

const extremes = f32([5], [-200, -30, 0, 30, 200]);
const kinds = ['none', 'tanh'] as const;

export const gegluOp: Op<GegluAttrs> = defineOp<GegluAttrs>({
  name: 'geglu',
  formula: 'y = gelu(g) u (Shazeer 2020, eq. 6 without the products), gelu itself or its tanh approximation',
  elementwise: true,
  infer: (inputs) => {
    requireF32(inputs);
    return [sameTypes(inputs, 2)];
  },
  vjp: ({ inputs, cotangents, attrs }) => {
    const dy = cotangents[0];
    return dy ? apply(gegluGradOp, [dy, required(inputs, 0), required(inputs, 1)], attrs) : [];
  },
  decompose: build,
  samples: () =>
    kinds.flatMap((approximate) => [
      { name: `matrix, ${approximate}`, attrs: { approximate }, inputs: [normal([3, 5], 1), normal([3, 5], 2)] },
      {
        name: `extremes, ${approximate}`,
        attrs: { approximate },
        inputs: [extremes, normal([5], 3)],
        skipGradient: 'out of reach of central differences',
      },
    ]),
});

/** Keeps the gate and the other factor for the gradient, and nothing between. */
export const gegluGradOp: Op<GegluAttrs> = defineOp<GegluAttrs>({
  name: 'gegluGrad',
  formula: 'dg = dy u gelu’(g), du = dy gelu(g); outputs dg and du',
  infer: (inputs) => {
    requireF32(inputs);
    const type = sameTypes(inputs, 3);
    return [type, type];
  },
  vjp: 'nondifferentiable',
  decompose: (inputs, attrs) => {
    const [dy, gate, up] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    const context = { inputs: [gate, up], cotangents: [dy], needs: [true, true] };
    const found = decomposedVjp((operands) => build(operands, attrs), context);
    return [0, 1].map((index) => at(found as readonly Value[], index));
  },
  samples: () =>
    kinds.map((approximate) => ({
      name: `matrix, ${approximate}`,
      attrs: { approximate },
      inputs: [normal([3, 5], 1), normal([3, 5], 2), normal([3, 5], 3)],
    })),
});

/** gelu(gate) · up. */
export function geglu(gate: Value, up: Value, approximate: GegluAttrs['approximate'] = 'none'): Value {
  return apply1(gegluOp, [gate, up], { approximate });
}
