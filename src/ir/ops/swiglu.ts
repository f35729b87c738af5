import { f32, normal } from '../dense.ts';
import { apply, apply1, at, required, type Value } from '../graph.ts';
import { vjp } from '../grad.ts';
import { defineOp, type Op } from '../op.ts';
import type { NoAttrs } from './elementwise.ts';
import { mul } from './mul.ts';
import { sameTypes } from './sameTypes.ts';
import { sigmoid } from './sigmoid.ts';
import { requireF32 } from './requireF32.ts';

const extremes = f32([5], [-200, -30, 0, 30, 200]);

export const swigluOp: Op<NoAttrs> = defineOp<NoAttrs>({
  name: 'swiglu',
  formula: 'y = g σ(g) u (Shazeer 2020, eq. 6 without the products)',
  elementwise: true,
  infer: (inputs) => {
    requireF32(inputs);
    return [sameTypes(inputs, 2)];
  },
  vjp: ({ inputs, cotangents }) => {
    const dy = cotangents[0];
    return dy ? apply(swigluGradOp, [dy, required(inputs, 0), required(inputs, 1)], {}) : [];
  },
  decompose: (inputs) => {
    const gate = required(inputs, 0);
    return [mul(mul(gate, sigmoid(gate)), required(inputs, 1))];
  },
  samples: () => [
    { name: 'matrix', attrs: {}, inputs: [normal([3, 5], 1), normal([3, 5], 2)] },
    {
      name: 'extremes',
      attrs: {},
      inputs: [extremes, normal([5], 3)],
      skipGradient: 'out of reach of central differences',
    },
  ],
});

export const swigluGradOp: Op<NoAttrs> = defineOp<NoAttrs>({
  name: 'swigluGrad',
  formula: 'dg = dy u (σ + g σ (1 - σ)), du = dy g σ; outputs dg and du',
  infer: (inputs) => {
    requireF32(inputs);
    const type = sameTypes(inputs, 3);
    return [type, type];
  },
  vjp: 'nondifferentiable',
  decompose: (inputs) => {
    const [dy, gate, up] = [0, 1, 2].map((index) => required(inputs, index)) as [Value, Value, Value];
    return vjp([[at(swigluOp.decompose?.([gate, up], {}) ?? [], 0), dy]], [gate, up]);
  },
  onnx: (emit, inputs) => {
    const [dy, gate, up] = [0, 1, 2].map((index) => required(inputs, index)) as [string, string, string];
    const mulNode = (a: string, b: string) => emit.node('Mul', [a, b]);
    const sigma = emit.node('Sigmoid', [gate]);
    const silu = mulNode(gate, sigma);
    const slope = emit.node('Add', [silu, emit.node('Sub', [sigma, mulNode(sigma, silu)])]);
    return [mulNode(mulNode(dy, up), slope), mulNode(dy, silu)];
  },
  samples: () => [
    { name: 'matrix', attrs: {}, inputs: [normal([3, 5], 1), normal([3, 5], 2), normal([3, 5], 3)] },
    { name: 'extremes', attrs: {}, inputs: [normal([5], 4), extremes, normal([5], 5)] },
  ],
});

/** silu(gate) · up. */
export function swiglu(gate: Value, up: Value): Value {
  return apply1(swigluOp, [gate, up], {});
}
