import { f32, normal } from '../dense.ts';
import { apply, at, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { formatType, sameType } from '../types.ts';
import { add } from './add.ts';
import { div } from './div.ts';
import { mul } from './mul.ts';
import { sqrt } from './sqrt.ts';
import { sub } from './sub.ts';
import { requireF32 } from './requireF32.ts';

export type AdamWAttrs = {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
};

const attrs: AdamWAttrs = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.1 };
const second = (shape: readonly number[], seed: number) =>
  f32(
    shape,
    normal(shape, seed).data.map((x) => x * x),
  );

/** Inputs θ, g, m, v and the scalars η, 1 - β₁ᵗ, 1 - β₂ᵗ. */
export const adamwOp: Op<AdamWAttrs> = defineOp<AdamWAttrs>({
  name: 'adamw',
  formula:
    'm ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², θ ← θ(1 - ηλ) - η/(1-β₁ᵗ) m / (√v/√(1-β₂ᵗ) + ε); outputs θ, m, v (Loshchilov & Hutter 2019, alg. 2)',
  elementwise: true,
  infer: (inputs) => {
    requireF32(inputs);
    const theta = required(inputs, 0);
    for (const index of [1, 2, 3]) {
      const type = required(inputs, index);
      if (!sameType(type, theta))
        throw new TypeError(`Expected ${formatType(theta)} at input ${index} but found ${formatType(type)}`);
    }
    for (const index of [4, 5, 6]) {
      const type = required(inputs, index);
      if (type.shape.length !== 0)
        throw new TypeError(`Expected a scalar at input ${index} but found ${formatType(type)}`);
    }
    return [theta, theta, theta];
  },
  vjp: 'nondifferentiable',
  decompose: (inputs, { beta1, beta2, eps, weightDecay }) => {
    const [theta, g, m, v, rate, correction1, correction2] = [0, 1, 2, 3, 4, 5, 6].map((index) =>
      required(inputs, index),
    ) as [Value, Value, Value, Value, Value, Value, Value];
    const m1 = add(mul(m, beta1), mul(g, 1 - beta1));
    const v1 = add(mul(v, beta2), mul(mul(g, g), 1 - beta2));
    const denominator = add(mul(sqrt(v1), div(1, sqrt(correction2))), eps);
    const decayed = weightDecay === 0 ? theta : mul(theta, sub(1, mul(rate, weightDecay)));
    return [sub(decayed, mul(div(m1, denominator), div(rate, correction1))), m1, v1];
  },
  samples: () => [
    {
      name: 'first step',
      attrs,
      inputs: [
        normal([3, 4], 1),
        normal([3, 4], 2),
        normal([3, 4], 3, 0),
        normal([3, 4], 4, 0),
        f32([], [0.01]),
        f32([], [0.1]),
        f32([], [0.001]),
      ],
      skipGradient: 'v = 0 is an end of its domain',
    },
    {
      name: 'later step, no decay',
      attrs: { ...attrs, weightDecay: 0 },
      inputs: [
        normal([5], 5),
        normal([5], 6),
        normal([5], 7),
        second([5], 8),
        f32([], [0.01]),
        f32([], [0.65]),
        f32([], [0.01]),
      ],
    },
  ],
});

export interface AdamWState {
  readonly theta: Value;
  readonly m: Value;
  readonly v: Value;
}

/** One AdamW step. `rate` is the learning rate, the corrections are 1 - βᵗ. */
export function adamw(
  state: AdamWState,
  gradient: Value,
  rate: Value,
  corrections: readonly [Value, Value],
  options: AdamWAttrs,
): AdamWState {
  const outputs = apply(adamwOp, [state.theta, gradient, state.m, state.v, rate, ...corrections], options);
  return { theta: at(outputs, 0), m: at(outputs, 1), v: at(outputs, 2) };
}
