import { type PeftLoraConfig, peftConfigJson } from '../hub/peft-config.ts';
import type { AdapterParameter, PeftFiles } from './adapter.ts';
import { stackedValues } from './loraInitial.ts';
import { type LoraModule, loraNames } from './loraModule.ts';
import { fileName } from './peftContents.ts';

const times = (values: Readonly<Record<string, number>>, factor: number): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, factor * value]));

/**
 * The plain LoRA of twice the rank that equals an adapter whose factors started with a part of the base, for
 * `modules` that did: [B, -B₀] [A; A₀] at the same scale. PEFT's path_initial_model_for_weight_conversion.
 */
export function plainLora(
  config: PeftLoraConfig,
  parameters: readonly AdapterParameter[],
  modules: readonly LoraModule[],
): { readonly config: Readonly<Record<string, unknown>>; readonly contents: NonNullable<PeftFiles['convert']> } {
  const owners = new Map(
    modules.flatMap((module) => {
      const { a, b } = loraNames(module.name);
      return [[a, module] as const, [b, module] as const];
    }),
  );
  const alphaFactor = config.useRslora ? Math.SQRT2 : 2;
  const plain = peftConfigJson({
    ...config,
    initLoraWeights: true,
    r: 2 * config.r,
    loraAlpha: alphaFactor * config.loraAlpha,
    rankPattern: times(config.rankPattern, 2),
    alphaPattern: times(config.alphaPattern, alphaFactor),
  });
  const contents: NonNullable<PeftFiles['convert']> = (values) => ({
    config: plain,
    tensors: parameters.map((parameter) => {
      const name = fileName(parameter);
      const module = owners.get(parameter.name);
      if (!module) return { name, shape: parameter.shape, values: values(parameter.name) };
      const { a, b, rank } = stackedValues(module, values);
      return parameter.name === loraNames(module.name).a
        ? { name, shape: [rank, module.inFeatures], values: a }
        : { name, shape: [module.outFeatures, rank], values: b };
    }),
  });
  return { config: plain, contents };
}
