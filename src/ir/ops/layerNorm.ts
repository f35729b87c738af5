import { f32, normal } from '../dense.ts';
import { apply, apply1, at, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { dimAt, formatShape, tensorType } from '../types.ts';
import { add } from './add.ts';
import { mul } from './mul.ts';
import { mean } from './reduceMean.ts';
import { rsqrt } from './rsqrt.ts';
import { sub } from './sub.ts';
import { sumTo } from './sumTo.ts';
import { requireF32 } from './requireF32.ts';

type NormAttrs = { readonly eps: number };

/** Inputs x, weight or none, bias or none. */
export const layerNormOp: Op<NormAttrs> = defineOp<NormAttrs>({
  name: 'layerNorm',
  formula:
    'y = w (x - μ) ρ + b with ρ = (mean (x - μ)² + ε)^(-1/2) over the last axis; outputs y, μ and ρ (Ba et al. 2016, eq. 4)',
  infer: (inputs) => {
    requireF32(inputs);
    const x = required(inputs, 0);
    const width = dimAt(x.shape, -1);
    for (const operand of inputs.slice(1)) {
      if (operand && (operand.shape.length !== 1 || operand.shape[0] !== width)) {
        throw new RangeError(`Expected weight and bias [${width}] but found ${formatShape(operand.shape)}`);
      }
    }
    const statistic = tensorType('f32', [...x.shape.slice(0, -1), 1]);
    return [x, statistic, statistic];
  },
  vjp: ({ inputs, outputs, cotangents, needs, attrs }) => {
    const [dy, dMean, dScale] = cotangents;
    if (dMean || dScale) {
      throw new TypeError('The gradient of the saved statistics is not taken: decompose the graph first');
    }
    if (!dy) return [];
    const x = required(inputs, 0);
    const [weight = null, bias = null] = inputs.slice(1);
    const [mu, rho] = [at(outputs, 1), at(outputs, 2)];
    return [
      needs[0] ? apply1(layerNormGradOp, [dy, x, weight, mu, rho], attrs) : undefined,
      weight && needs[1] ? sumTo(mul(dy, mul(sub(x, mu), rho)), weight.type.shape) : undefined,
      bias && needs[2] ? sumTo(dy, bias.type.shape) : undefined,
    ];
  },
  decompose: (inputs, { eps }) => {
    const x = required(inputs, 0);
    const [weight = null, bias = null] = inputs.slice(1);
    const mu = mean(x, [-1], true);
    const centered = sub(x, mu);
    const rho = rsqrt(add(mean(mul(centered, centered), [-1], true), eps));
    const normed = mul(centered, rho);
    const scaled = weight ? mul(normed, weight) : normed;
    return [bias ? add(scaled, bias) : scaled, mu, rho];
  },
  onnx: (emit, inputs, { attrs: { eps }, inputTypes }) => {
    const width = dimAt(required(inputTypes, 0).shape, -1);
    const ones = () => emit.constant(`ones:${width}`, 'f32', [width], () => new Float32Array(width).fill(1));
    const operands = [required(inputs, 0), inputs[1] ?? ones(), ...(inputs[2] ? [inputs[2]] : [])];
    return emit.nodes('LayerNormalization', operands, { axis: { int: -1 }, epsilon: { float: eps } }, { outputs: 3 });
  },
  samples: () => [
    { name: 'rows', attrs: { eps: 1e-5 }, inputs: [normal([3, 8], 1), normal([8], 2), normal([8], 3)] },
    { name: 'without weight and bias', attrs: { eps: 1e-6 }, inputs: [normal([2, 3, 4], 4), null, null] },
    { name: 'without bias', attrs: { eps: 1e-5 }, inputs: [normal([3, 5], 5), normal([5], 6), null] },
    { name: 'heads', attrs: { eps: 1e-5 }, inputs: [normal([2, 2, 3, 4], 7), normal([4], 8), normal([4], 9)] },
    {
      name: 'constant row, large mean',
      attrs: { eps: 1e-5 },
      inputs: [f32([2, 4], [7, 7, 7, 7, 1000, 1001, 1002, 1003]), normal([4], 7), normal([4], 8)],
      skipGradient: 'the constant row is a sharp maximum of the gradient',
    },
  ],
});

export const layerNormGradOp: Op<NormAttrs> = defineOp<NormAttrs>({
  name: 'layerNormGrad',
  formula: 'dx = ρ (g - mean g - x̂ mean(g x̂)) with g = dy w, x̂ = (x - μ) ρ. Inputs dy, x, weight or none, μ, ρ',
  infer: (inputs) => {
    requireF32(inputs);
    return [required(inputs, 1)];
  },
  vjp: 'nondifferentiable',
  decompose: (inputs) => {
    const [dy, x, mu, rho] = [0, 1, 3, 4].map((index) => required(inputs, index)) as [Value, Value, Value, Value];
    const normed = mul(sub(x, mu), rho);
    const g = inputs[2] ? mul(dy, inputs[2]) : dy;
    const along = mul(normed, mean(mul(g, normed), [-1], true));
    return [mul(sub(sub(g, mean(g, [-1], true)), along), rho)];
  },
  samples: () => [
    {
      name: 'rows',
      attrs: { eps: 1e-5 },
      inputs: [normal([3, 8], 1), normal([3, 8], 2), normal([8], 3), normal([3, 1], 4), normal([3, 1], 5)],
    },
  ],
});

/** w (x - mean) / deviation + b over the last axis; weight and bias may be left out. */
export function layerNorm(x: Value, weight: Value | null, bias: Value | null, eps = 1e-5): Value {
  return at(apply(layerNormOp, [x, weight, bias], { eps }), 0);
}
