import type { Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { div } from '../ir/ops/div.ts';
import { linear } from '../ir/ops/linear.ts';
import { matmul } from '../ir/ops/matmul.ts';
import { mul } from '../ir/ops/mul.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { sqrt } from '../ir/ops/sqrt.ts';
import { stopGradient } from '../ir/ops/stopGradient.ts';
import { sub } from '../ir/ops/sub.ts';
import type { Site } from '../nn/sites.ts';
import type { AdapterContext, AdapterParameter } from './adapter.ts';
import { drop } from './dropout.ts';
import { decomposes, type Factors, factorsIn, initialFactors, stacked } from './loraInitial.ts';
import { factorParameters, type LoraModule, loraNames } from './loraModule.ts';
import { mergeLinear } from './loraMerge.ts';
import { columnNorms, rowNorms } from './lowRank.ts';
import type { AdapterPart } from './parts.ts';

/** m / ‖W + s B A‖ per output, [out]; the norm gives no gradient (Liu et al. 2024, arXiv:2402.09353, eq. 5 and §4.3). */
export function doraScale(weight: Value, a: Value, b: Value, scale: number, magnitude: Value): Value {
  const adapted = stopGradient(add(weight, matmul(b, a, { alpha: scale })));
  return div(magnitude, sqrt(sum(mul(adapted, adapted), [-1])));
}

function adapted(module: LoraModule, context: AdapterContext): Site<'linear'> {
  const { name, scale, useDora, loraBias } = module;
  const names = loraNames(name);
  return (operands, base) => {
    const { weight, bias } = operands;
    const { a, b, initial } = factorsIn(module, context);
    const whole = stacked(a, b, initial);
    const x = drop(operands.x, module.dropout, name, context);
    const low = (z: Value, factors: Factors<Value>): Value => mul(linear(linear(z, factors.a), factors.b), scale);
    // What is dropped is dropped for the trained factors alone.
    const rest = (y: Value, z: Value): Value => (initial ? sub(y, low(z, initial)) : y);
    if (!useDora) {
      const term = loraBias ? mul(context.param(names.bias), scale) : null;
      const shifted = { ...operands, bias: term && bias ? add(bias, term) : (term ?? bias) };
      if (x !== operands.x) return add(rest(base(shifted), operands.x), low(x, { a, b }));
      return operands.lowRank ? add(base(shifted), low(x, whole)) : base({ ...shifted, lowRank: { ...whole, scale } });
    }
    const factor = doraScale(weight, whole.a, whole.b, scale, context.param(names.magnitude));
    if (x !== operands.x) {
      const moved = mul(rest(linear(x, weight), x), sub(factor, 1));
      return add(rest(base(operands), operands.x), add(moved, mul(low(x, { a, b }), factor)));
    }
    const y = mul(add(base({ ...operands, bias: null }), low(x, whole)), factor);
    return bias ? add(y, bias) : y;
  };
}

/** DoRA's magnitudes start at the norms of the base's rows, ‖W + s B A‖ with B = 0. */
export function magnitudeParameter(module: LoraModule, weight: string): AdapterParameter {
  const { name, outFeatures, inFeatures, transposed } = module;
  return {
    name: loraNames(name).magnitude,
    shape: [outFeatures],
    decays: true,
    initialize: async (values, { base }) => {
      const own = await base(weight);
      values.set(transposed ? columnNorms(own, outFeatures) : rowNorms(own, inFeatures));
    },
  };
}

/** Parameters of a module whose weight is the tensor `weight`, and its factors as they were where it keeps them. */
export function trainedFactors(
  module: LoraModule,
  weight: string,
): Required<Pick<AdapterPart, 'parameters' | 'states'>> {
  const initial = decomposes(module) ? initialFactors(module, weight) : undefined;
  return {
    parameters: [
      ...factorParameters(module, initial?.initialize),
      ...(module.useDora ? [magnitudeParameter(module, weight)] : []),
    ],
    states: initial?.states ?? [],
  };
}

/**
 * LoRA on linear modules: y = x Wᵀ + s (dropout(x) Aᵀ Bᵀ + b_B) (Hu et al. 2021, eq. 3); DoRA: y = m / ‖W + s B A‖ of that
 * sum (Liu et al. 2024, eq. 5).
 */
export function loraLinear(modules: readonly LoraModule[]): AdapterPart {
  const named = new Map(modules.map((module) => [module.name, module]));
  const trained = modules.map((module) => trainedFactors(module, `${module.name}.weight`));
  return {
    parameters: trained.flatMap(({ parameters }) => parameters),
    states: trained.flatMap(({ states }) => states),
    wraps: (context) => ({
      linear: (operands, base, name) => {
        const module = named.get(name);
        return module ? adapted(module, context)(operands, base, name) : base(operands);
      },
    }),
    merges: modules.flatMap((module) => mergeLinear(module, { name: `${module.name}.weight` })),
  };
}
