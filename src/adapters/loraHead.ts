import { concat } from '../ir/ops/concat.ts';
import { linear } from '../ir/ops/linear.ts';
import { mul } from '../ir/ops/mul.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { sub } from '../ir/ops/sub.ts';
import { drop } from './dropout.ts';
import { doraScale, magnitudeParameter } from './loraLinear.ts';
import { mergeLinear } from './loraMerge.ts';
import { factorParameters, type LoraModule, loraNames } from './loraModule.ts';
import type { AdapterPart } from './parts.ts';

/**
 * LoRA on the output head, whose logits never exist whole: x Wᵀ + s x Aᵀ Bᵀ = [x, s x Aᵀ] [W, B]ᵀ. `weight` is the tensor that
 * the head multiplies with: the embedding's where they are tied, and then the merged head is one of its own.
 */
export function loraHead(module: LoraModule, weight: string): AdapterPart {
  const { name, scale, outFeatures } = module;
  const names = loraNames(name);
  return {
    parameters: [...factorParameters(module), ...(module.useDora ? [magnitudeParameter(module, weight)] : [])],
    wraps: (context) => ({
      head: (operands, base) => {
        const [a, b] = [context.param(names.a), context.param(names.b)];
        const x = drop(operands.x, module.dropout, name, context);
        const low = mul(linear(x, a), scale);
        if (!module.useDora) return base({ x: concat([operands.x, low], 1), weight: concat([operands.weight, b], 1) });
        const factor = doraScale(operands.weight, a, b, scale, context.param(names.magnitude));
        const rows = reshape(factor, [outFeatures, 1]);
        if (x === operands.x)
          return base({ x: concat([x, low], 1), weight: mul(concat([operands.weight, b], 1), rows) });
        return base({
          x: concat([operands.x, x, low], 1),
          weight: concat([operands.weight, mul(operands.weight, sub(rows, 1)), mul(b, rows)], 1),
        });
      },
    }),
    merges: mergeLinear(module, { name: `${name}.weight`, from: weight }),
  };
}
