import { add } from '../ir/ops/add.ts';
import { embedding } from '../ir/ops/embedding.ts';
import { linear } from '../ir/ops/linear.ts';
import { mul } from '../ir/ops/mul.ts';
import { transpose } from '../ir/ops/transpose.ts';
import type { AdapterPart } from './parts.ts';
import { doraScale } from './loraLinear.ts';
import { type LoraModule, loraNames, normals, zeros } from './loraModule.ts';
import { mergeWeight } from './loraMerge.ts';
import { columnNorms } from './lowRank.ts';

const embeddingNames = (module: string) => ({
  a: `${module}.lora_embedding_A`,
  b: `${module}.lora_embedding_B`,
  magnitude: loraNames(module).magnitude,
});

/**
 * LoRA on embeddings: y = E[ids] + s Aᵀ[ids] Bᵀ with A [r, V] zero and B [D, r] normal at the start; DoRA: times m over the
 * norms of the columns of E + s Aᵀ Bᵀ. Nothing is dropped, as in PEFT.
 */
export function loraEmbedding(modules: readonly LoraModule[]): AdapterPart {
  const named = new Map(modules.map((module) => [module.name, module]));
  return {
    parameters: modules.flatMap(({ name, inFeatures, outFeatures, rank, useDora, init }) => {
      const { a, b, magnitude } = embeddingNames(name);
      return [
        {
          name: a,
          shape: [rank, inFeatures],
          decays: true,
          // Without an initialisation PEFT leaves both factors as drawn.
          initialize: init === false ? (values, context) => normals(values, context, 1) : zeros,
        },
        {
          name: b,
          shape: [outFeatures, rank],
          decays: true,
          initialize: (values, context) => normals(values, context, 1),
        },
        ...(useDora
          ? [
              {
                name: magnitude,
                shape: [outFeatures],
                decays: true,
                initialize: async (values, { base }) =>
                  values.set(columnNorms(await base(`${name}.weight`), outFeatures)),
              } satisfies AdapterPart['parameters'][number],
            ]
          : []),
      ] satisfies AdapterPart['parameters'];
    }),
    wraps: ({ param }) => ({
      embedding: (operands, base, name) => {
        const module = named.get(name);
        if (!module) return base(operands);
        const names = embeddingNames(name);
        const [a, b] = [param(names.a), param(names.b)];
        const y = add(base(operands), mul(linear(embedding(transpose(a, [1, 0]), operands.ids), b), module.scale));
        if (!module.useDora) return y;
        const columns = transpose(operands.table, [1, 0]);
        return mul(y, doraScale(columns, a, b, module.scale, param(names.magnitude)));
      },
    }),
    merges: modules.map((module) => ({
      name: `${module.name}.weight`,
      apply: mergeWeight(module, embeddingNames(module.name)),
    })),
  };
}
