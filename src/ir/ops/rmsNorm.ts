import { f32, normal } from '../dense.ts';
import { apply, apply1, at, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { dimAt, formatShape, tensorType } from '../types.ts';
import { add } from './add.ts';
import { div } from './div.ts';
import { mul } from './mul.ts';
import { sum } from './reduceSum.ts';
import { sqrt } from './sqrt.ts';
import { sub } from './sub.ts';
import { sumTo } from './sumTo.ts';
import { requireF32 } from './requireF32.ts';

type NormAttrs = { readonly eps: number };

export const rmsNormOp: Op<NormAttrs> = defineOp<NormAttrs>({
  name: 'rmsNorm',
  formula: 'y = w x ρ with ρ = (mean x² + ε)^(-1/2) over the last axis; outputs y and ρ (Zhang & Sennrich 2019, eq. 4)',
  infer: (inputs) => {
    requireF32(inputs);
    const x = required(inputs, 0);
    const weight = required(inputs, 1);
    if (weight.shape.length !== 1 || weight.shape[0] !== dimAt(x.shape, -1)) {
      throw new RangeError(`Expected weight [${dimAt(x.shape, -1)}] but found ${formatShape(weight.shape)}`);
    }
    return [x, tensorType('f32', [...x.shape.slice(0, -1), 1])];
  },
  vjp: ({ inputs, outputs, cotangents, needs, attrs }) => {
    const [dy, dScale] = cotangents;
    if (dScale) throw new TypeError('The gradient of the saved statistic is not taken: decompose the graph first');
    if (!dy) return [];
    const x = required(inputs, 0);
    const weight = required(inputs, 1);
    const rho = at(outputs, 1);
    return [
      needs[0] ? apply1(rmsNormGradOp, [dy, x, weight, rho], attrs) : undefined,
      needs[1] ? sumTo(mul(dy, mul(x, rho)), weight.type.shape) : undefined,
    ];
  },
  decompose: (inputs, { eps }) => {
    const x = required(inputs, 0);
    const meanSquare = mul(sum(mul(x, x), [-1], true), 1 / dimAt(x.type.shape, -1));
    const rho = div(1, sqrt(add(meanSquare, eps)));
    return [mul(mul(x, rho), required(inputs, 1)), rho];
  },
  onnx: (emit, inputs, { attrs: { eps } }) =>
    emit.nodes(
      'SimplifiedLayerNormalization',
      inputs,
      { axis: { int: -1 }, epsilon: { float: eps }, stash_type: { int: 1 } },
      { outputs: 2 },
    ),
  samples: () => [
    { name: 'rows', attrs: { eps: 1e-5 }, inputs: [normal([3, 8], 1), normal([8], 2)] },
    { name: 'batch', attrs: { eps: 1e-6 }, inputs: [normal([2, 3, 4], 3), normal([4], 4)] },
    { name: 'heads', attrs: { eps: 1e-6 }, inputs: [normal([2, 2, 3, 4], 5), normal([4], 6)] },
    { name: 'one row', attrs: { eps: 1e-6 }, inputs: [normal([37], 7), normal([37], 8)] },
    {
      name: 'zero row, large row',
      attrs: { eps: 1e-5 },
      inputs: [f32([2, 4], [0, 0, 0, 0, 1e15, -1e15, 1e14, 0]), normal([4], 5)],
      skipGradient: 'magnitudes beyond central differences',
    },
  ],
});

export const rmsNormGradOp: Op<NormAttrs> = defineOp<NormAttrs>({
  name: 'rmsNormGrad',
  formula: 'dx = ρ (g - x̂ mean(g x̂)) with g = dy w, x̂ = x ρ',
  infer: (inputs) => {
    requireF32(inputs);
    return [required(inputs, 1)];
  },
  vjp: 'nondifferentiable',
  decompose: (inputs) => {
    const [dy, x, weight, rho] = [0, 1, 2, 3].map((index) => required(inputs, index)) as [Value, Value, Value, Value];
    const normed = mul(x, rho);
    const g = mul(dy, weight);
    const mean = mul(sum(mul(g, normed), [-1], true), 1 / dimAt(x.type.shape, -1));
    return [mul(sub(g, mul(normed, mean)), rho)];
  },
  samples: () => [
    {
      name: 'rows',
      attrs: { eps: 1e-5 },
      inputs: [normal([3, 8], 1), normal([3, 8], 2), normal([8], 3), normal([3, 1], 4)],
    },
  ],
});

/** w x / rms(x) over the last axis. */
export function rmsNorm(x: Value, weight: Value, eps: number): Value {
  return at(apply(rmsNormOp, [x, weight], { eps }), 0);
}
