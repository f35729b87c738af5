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
    const [a, b] = [context.param(names.a), context.param(names.b)];
    const x = drop(operands.x, module.dropout, name, context);
    if (!useDora) {
      const term = loraBias ? mul(context.param(names.bias), scale) : null;
      const shifted = { ...operands, bias: term && bias ? add(bias, term) : (term ?? bias) };
      return x === operands.x && !operands.lowRank
        ? base({ ...shifted, lowRank: { a, b, scale } })
        : add(base(shifted), mul(linear(linear(x, a), b), scale));
    }
    const factor = doraScale(weight, a, b, scale, context.param(names.magnitude));
    const low = mul(linear(linear(x, a), b), scale);
    if (x !== operands.x) return add(base(operands), add(mul(linear(x, weight), sub(factor, 1)), mul(low, factor)));
    const y = mul(add(base({ ...operands, bias: null }), low), factor);
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

/**
 * LoRA on linear modules: y = x Wᵀ + s (dropout(x) Aᵀ Bᵀ + b_B) (Hu et al. 2021, eq. 3); DoRA: y = m / ‖W + s B A‖ of that
 * sum (Liu et al. 2024, eq. 5).
 */
export function loraLinear(modules: readonly LoraModule[]): AdapterPart {
  const named = new Map(modules.map((module) => [module.name, module]));
  return {
    parameters: modules.flatMap((module) => [
      ...factorParameters(module),
      ...(module.useDora ? [magnitudeParameter(module, `${module.name}.weight`)] : []),
    ]),
    wraps: (context) => ({
      linear: (operands, base, name) => {
        const module = named.get(name);
        return module ? adapted(module, context)(operands, base, name) : base(operands);
      },
    }),
    merges: modules.flatMap((module) => mergeLinear(module, { name: `${module.name}.weight` })),
  };
}
