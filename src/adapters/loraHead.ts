import type { Value } from '../ir/graph.ts';
import { concat } from '../ir/ops/concat.ts';
import { linear } from '../ir/ops/linear.ts';
import { mul } from '../ir/ops/mul.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { sub } from '../ir/ops/sub.ts';
import { drop } from './dropout.ts';
import { factorsIn, stacked } from './loraInitial.ts';
import { doraScale, trainedFactors } from './loraLinear.ts';
import { mergeLinear } from './loraMerge.ts';
import { type LoraModule, loraNames } from './loraModule.ts';
import type { AdapterPart } from './parts.ts';

/**
 * LoRA on the output head, whose logits never exist whole: x Wᵀ + s x Aᵀ Bᵀ = [x, s x Aᵀ] [W, B]ᵀ. `weight` is the tensor that
 * the head multiplies with: the embedding's where they are tied, and then the merged head is one of its own.
 */
export function loraHead(module: LoraModule, weight: string): AdapterPart {
  const { name, scale, outFeatures } = module;
  const names = loraNames(name);
  return {
    ...trainedFactors(module, weight),
    wraps: (context) => ({
      head: (operands, base) => {
        const { a, b, initial } = factorsIn(module, context);
        const x = drop(operands.x, module.dropout, name, context);
        const low = mul(linear(x, a), scale);
        // The base without what the factors started with: z Wᵀ - s z A₀ᵀ B₀ᵀ.
        const rest = (z: Value): Value => (initial ? concat([z, mul(linear(z, initial.a), -scale)], 1) : z);
        const own = initial ? concat([operands.weight, initial.b], 1) : operands.weight;
        if (!module.useDora) return base({ x: concat([rest(operands.x), low], 1), weight: concat([own, b], 1) });
        const whole = stacked(a, b, initial);
        const factor = doraScale(operands.weight, whole.a, whole.b, scale, context.param(names.magnitude));
        const rows = reshape(factor, [outFeatures, 1]);
        if (x === operands.x) return base({ x: concat([rest(x), low], 1), weight: mul(concat([own, b], 1), rows) });
        return base({
          x: concat([rest(operands.x), rest(x), low], 1),
          weight: concat([own, mul(own, sub(rows, 1)), mul(b, rows)], 1),
        });
      },
    }),
    merges: mergeLinear(module, { name: `${name}.weight`, from: weight }),
  };
}
