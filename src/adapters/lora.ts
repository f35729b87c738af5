import { parsePeftConfig, peftConfigJson, type PeftLoraConfig } from '../hub/peft-config.ts';
import { rankOf, scaleOf, targetsModule } from '../hub/peft-target.ts';
import type { LanguageModel } from '../nn/model.ts';
import type { Adapter } from './adapter.ts';
import { extraParts } from './loraExtras.ts';
import { loraConfigOf, loraSchema } from './loraConfig.ts';
import { loraEmbedding } from './loraEmbedding.ts';
import { loraHead } from './loraHead.ts';
import { loraLinear } from './loraLinear.ts';
import type { LoraModule } from './loraModule.ts';
import { combineParts } from './parts.ts';
import type { AdapterUnit } from './unit.ts';

interface Targets {
  readonly linears: readonly LoraModule[];
  readonly embeddings: readonly LoraModule[];
  readonly heads: readonly LoraModule[];
}

/** The modules that PEFT would adapt. RangeError where there are none. */
function targetsOf(config: PeftLoraConfig, model: LanguageModel): Targets {
  const module = (name: string, inFeatures: number, outFeatures: number, transposed = false): LoraModule => ({
    name,
    inFeatures,
    outFeatures,
    transposed,
    rank: rankOf(config, name),
    scale: scaleOf(config, name),
    dropout: config.loraDropout,
    init: config.initLoraWeights,
    useDora: config.useDora ?? false,
    loraBias: config.loraBias ?? false,
  });
  const isAll = typeof config.targetModules === 'string' && config.targetModules.toLowerCase() === 'all-linear';
  const found: Targets = {
    linears: model.linears
      .filter(({ name }) => targetsModule(config, name))
      .map((linear) => module(linear.name, linear.inFeatures, linear.outFeatures, linear.transposed)),
    embeddings: model.embeddings
      .filter(({ name }) => !isAll && targetsModule(config, name))
      .map(({ name, count, width }) => module(name, count, width, true)),
    heads: [model.headModule]
      .filter((name) => targetsModule(config, name, true))
      .map((name) => module(name, model.hiddenSize, model.vocabSize)),
  };
  if (Object.values(found).every((modules: readonly LoraModule[]) => modules.length === 0)) {
    const endings = [...new Set(model.linears.map(({ name }) => name.split('.').at(-1)))];
    throw new RangeError(
      `Expected target modules among ${endings.join(', ')} or all-linear but ${JSON.stringify(config.targetModules)} matches none`,
    );
  }
  return found;
}

/** Throws TypeError on options that exclude each other, as PEFT does. */
function checkOptions(config: PeftLoraConfig, { embeddings }: Targets): void {
  const { initLoraWeights: init, loraBias, useDora } = config;
  if (loraBias && (useDora || typeof init !== 'boolean'))
    throw new TypeError(
      `Expected neither DoRA nor initLoraWeights ${String(init)} beside loraBias but found one of them`,
    );
  const [embedding] = embeddings;
  if (loraBias && embedding) throw new TypeError(`Expected linear modules for loraBias but found ${embedding.name}`);
  if (embedding && typeof init === 'string')
    throw new TypeError(`Expected initLoraWeights true or false for ${embedding.name} but found ${init}`);
  if (typeof init === 'string' && init !== 'gaussian')
    throw new TypeError(`Expected initLoraWeights true, false or gaussian but found ${init}`);
}

/** PEFT writes the base's table beside the factors of an embedding or head. */
const copiedTables = ({ embeddings, heads }: Targets, head: string): ReadonlyMap<string, string> =>
  new Map([
    ...embeddings.map(({ name }) => [`${name}.base_layer.weight`, `${name}.weight`] as const),
    ...heads.map(({ name }) => [`${name}.base_layer.weight`, head] as const),
  ]);

/**
 * LoRA: y = x Wᵀ + (α/r) dropout(x) Aᵀ Bᵀ, rsLoRA with α/√r (Hu et al. 2021, eq. 3; Kalajdzievski 2023, eq. 4); target
 * modules, patterns, scaling and what is trained beside the factors as PEFT's LoraConfig. Throws RangeError when no module
 * is targeted and TypeError on options that exclude each other.
 */
export function lora(config: PeftLoraConfig, model: LanguageModel): Adapter {
  const resolved = {
    ...config,
    targetModules: config.targetModules ?? model.defaultTargets,
    ...(model.linears.some(({ transposed }) => transposed) ? { fanInFanOut: true } : {}),
  };
  const targets = targetsOf(resolved, model);
  checkOptions(resolved, targets);
  const { linears, embeddings, heads } = targets;
  const targeted = new Set([...linears, ...embeddings, ...heads].map(({ name }) => name));
  const parts = [
    ...extraParts(resolved, model, targeted),
    ...(linears.length > 0 ? [loraLinear(linears)] : []),
    ...(embeddings.length > 0 ? [loraEmbedding(embeddings)] : []),
    ...heads.map((head) => loraHead(head, model.head)),
  ];
  return {
    type: 'lora',
    ...combineParts(parts),
    drops: config.loraDropout > 0,
    peft: {
      config: peftConfigJson({ ...resolved, taskType: 'CAUSAL_LM' }),
      summary: `Rank ${config.r}, alpha ${config.loraAlpha}${config.useRslora ? ', rsLoRA' : ''}${config.useDora ? ', DoRA' : ''}`,
      copies: copiedTables(targets, model.head),
    },
  };
}

/** Modules that a file without target_modules means: those whose factors it holds. */
export const modulesIn = (tensors: Iterable<string>): string[] =>
  [...tensors].flatMap((name) => /^(.+)\.lora_(?:A\.weight|embedding_A)$/.exec(name)?.[1] ?? []);

/** Decompositions that a reader would have to repeat on the base before the factors mean anything. */
function trainedConfig(config: PeftLoraConfig, file: string): PeftLoraConfig {
  const init = config.initLoraWeights;
  if (typeof init === 'string' && /^(olora|pissa)/.test(init)) {
    throw new TypeError(
      `${file}: init_lora_weights: expected factors of the base as it is but found ${init}, which changes it; save the adapter with path_initial_model_for_weight_conversion`,
    );
  }
  // The file's tensors are the truth, however they were initialised.
  return { ...config, initLoraWeights: true };
}

export const loraUnit: AdapterUnit<'lora', typeof loraSchema> = {
  type: 'lora',
  schema: loraSchema,
  make: (config, model) => lora(loraConfigOf(config), model),
  peft: {
    type: 'LORA',
    read: (json, tensors, model, file) => {
      const config = trainedConfig(parsePeftConfig(json, file), file);
      return lora({ ...config, targetModules: config.targetModules ?? modulesIn(tensors.keys()) }, model);
    },
  },
};
