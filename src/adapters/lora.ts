import { parsePeftConfig, peftConfigJson, type PeftLoraConfig } from '../hub/peft-config.ts';
import { rankOf, scaleOf, targetsModule } from '../hub/peft-target.ts';
import { isClassifier, type TaskModel } from '../nn/model.ts';
import type { Adapter } from './adapter.ts';
import { extraParts } from './loraExtras.ts';
import { loraConfigOf, loraSchema } from './loraConfig.ts';
import { loraEmbedding } from './loraEmbedding.ts';
import { loraHead } from './loraHead.ts';
import { loraLinear } from './loraLinear.ts';
import { plainLora } from './loraConverted.ts';
import { decomposes } from './loraInitial.ts';
import type { LoraModule } from './loraModule.ts';
import { combineParts } from './parts.ts';
import { sequenceHeads, taskOf } from './peftTask.ts';
import { pathsOf, savedModules } from './savedModules.ts';
import type { AdapterUnit, Described } from './unit.ts';

const lastPart = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

interface Targets {
  readonly linears: readonly LoraModule[];
  readonly embeddings: readonly LoraModule[];
  readonly heads: readonly LoraModule[];
}

/** A config whose targets are names or a regular expression, with all that the model decides. */
type ResolvedConfig = PeftLoraConfig & Required<Pick<PeftLoraConfig, 'targetModules'>>;

/** Names for all-linear, and what PEFT adds to a config by itself. */
function resolve(config: PeftLoraConfig, model: TaskModel): ResolvedConfig {
  const taskType = config.taskType ?? (isClassifier(model) ? undefined : 'CAUSAL_LM');
  const modulesToSave =
    taskType === 'SEQ_CLS' ? [...new Set([...(config.modulesToSave ?? []), ...sequenceHeads])] : config.modulesToSave;
  const { targetModules = model.defaultTargets } = config;
  const isAll = typeof targetModules === 'string' && targetModules.toLowerCase() === 'all-linear';
  const saved = savedModules(modulesToSave ?? [], model);
  const linears = model.linears.filter(({ name }) => !saved.has(name));
  return {
    ...config,
    targetModules: isAll ? [...new Set(linears.map(({ name }) => lastPart(name)))] : targetModules,
    ...(taskType && { taskType }),
    ...(modulesToSave && { modulesToSave }),
    ...(model.linears.some(({ transposed }) => transposed) ? { fanInFanOut: true } : {}),
  };
}

/** The modules that PEFT would adapt: those that are trained whole are left out. RangeError where there are none. */
function targetsOf(config: ResolvedConfig, model: TaskModel): Targets {
  const whole = config.modulesToSave ?? [];
  const targets = (name: string): boolean =>
    targetsModule(config, name) &&
    !pathsOf(name).some((path) => whole.some((each) => path === each || path.endsWith(`.${each}`)));
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
  const found: Targets = {
    linears: model.linears
      .filter(({ name }) => targets(name))
      .map((linear) => module(linear.name, linear.inFeatures, linear.outFeatures, linear.transposed)),
    embeddings: model.embeddings
      .filter(({ name }) => targets(name))
      .map(({ name, count, width }) => module(name, count, width, true)),
    heads: (isClassifier(model) ? [] : [model.headModule])
      .filter(targets)
      .map((name) => module(name, model.hiddenSize, model.vocabSize)),
  };
  const convolution = model.convolutions?.find(({ name }) => targets(name));
  if (convolution)
    throw new TypeError(`targetModules: expected linear layers but found ${convolution.name}, a convolution`);
  if (Object.values(found).every((modules: readonly LoraModule[]) => modules.length === 0)) {
    const endings = [...new Set(model.linears.map(({ name }) => lastPart(name)))];
    throw new RangeError(
      `Expected target modules among ${endings.join(', ')} or all-linear but ${JSON.stringify(config.targetModules)} matches none`,
    );
  }
  return found;
}

/** Throws TypeError on options that exclude each other, as PEFT does. */
function checkOptions(config: ResolvedConfig, { linears, embeddings, heads }: Targets): void {
  const { initLoraWeights: init, loraBias, useDora, targetModules, layersToTransform, layersPattern } = config;
  if (loraBias && (useDora || typeof init !== 'boolean'))
    throw new TypeError(
      `Expected neither DoRA nor initLoraWeights ${String(init)} beside loraBias but found one of them`,
    );
  if (layersToTransform !== undefined && typeof targetModules === 'string')
    throw new TypeError(`Expected a list of targetModules beside layersToTransform but found ${targetModules}`);
  if (layersPattern !== undefined && layersToTransform === undefined)
    throw new TypeError('Expected layersToTransform beside layersPattern but found none');
  const [embedding] = embeddings;
  if (loraBias && embedding) throw new TypeError(`Expected linear modules for loraBias but found ${embedding.name}`);
  if (embedding && typeof init === 'string')
    throw new TypeError(`Expected initLoraWeights true or false for ${embedding.name} but found ${init}`);
  if (init === 'eva' || init === 'orthogonal')
    throw new TypeError(`Expected initLoraWeights true, false, gaussian, pissa or olora but found ${init}`);
  const wide = [...linears, ...heads].find(
    (module) => decomposes(module) && module.rank > Math.min(module.inFeatures, module.outFeatures),
  );
  if (wide)
    throw new RangeError(
      `Expected a rank of at most ${Math.min(wide.inFeatures, wide.outFeatures)} for ${wide.name} with ${String(init)} but found ${wide.rank}`,
    );
}

/** PEFT writes the base's table beside the factors of an embedding or head. */
const copiedTables = ({ embeddings, heads }: Targets, head: string): ReadonlyMap<string, string | undefined> =>
  new Map([
    ...embeddings.map(({ name }) => [`${name}.base_layer.weight`, `${name}.weight`] as const),
    ...heads.map((each) => [`${each.name}.base_layer.weight`, decomposes(each) ? undefined : head] as const),
  ]);

/** What the files hold, in a few words. */
function summaryOf(config: PeftLoraConfig, { r, lora_alpha: alpha }: Readonly<Record<string, unknown>>): string {
  const { initLoraWeights: init, useRslora, useDora } = config;
  const started = decomposes({ init }) ? [`started by ${String(init)} of rank ${config.r}`] : [];
  const further = [...(useRslora ? ['rsLoRA'] : []), ...(useDora === true ? ['DoRA'] : []), ...started];
  return [`Rank ${String(r)}`, `alpha ${String(alpha)}`, ...further].join(', ');
}

/**
 * LoRA: y = x Wᵀ + (α/r) dropout(x) Aᵀ Bᵀ, rsLoRA with α/√r (Hu et al. 2021, eq. 3; Kalajdzievski 2023, eq. 4); target
 * modules, patterns, scaling and what is trained beside the factors as PEFT's LoraConfig. Throws RangeError when no module
 * is targeted and TypeError on options that exclude each other.
 */
export function lora(config: PeftLoraConfig, model: TaskModel): Adapter {
  const resolved = resolve(config, model);
  const targets = targetsOf(resolved, model);
  checkOptions(resolved, targets);
  const { linears, embeddings, heads } = targets;
  const targeted = new Set([...linears, ...embeddings, ...heads].map(({ name }) => name));
  const headWeight = isClassifier(model) ? '' : model.head;
  const parts = [
    ...extraParts(resolved, model, targeted),
    ...(linears.length > 0 ? [loraLinear(linears)] : []),
    ...(embeddings.length > 0 ? [loraEmbedding(embeddings)] : []),
    ...heads.map((head) => loraHead(head, headWeight)),
  ];
  const combined = combineParts(parts);
  const decomposed = [...linears, ...heads].filter(decomposes);
  const convert = decomposed.length > 0 ? plainLora(resolved, combined.parameters, decomposed) : undefined;
  const json = peftConfigJson(resolved);
  return {
    type: 'lora',
    ...combined,
    drops: config.loraDropout > 0,
    peft: {
      config: json,
      summary: summaryOf(resolved, convert?.config ?? json),
      copies: copiedTables(targets, headWeight),
      ...(convert && { convert: convert.contents }),
    },
  };
}

/** Modules that a file without target_modules means: those whose factors it holds. */
export const modulesIn = (tensors: Iterable<string>): string[] =>
  [...tensors].flatMap((name) => /^(.+)\.lora_(?:A\.weight|embedding_A)$/.exec(name)?.[1] ?? []);

/** The file's tensors are the truth, however they were initialised; decompositions of the base say what they add to it. */
function trainedConfig(config: PeftLoraConfig, file: string): PeftLoraConfig {
  const { initLoraWeights: init } = config;
  if (typeof init === 'string' && init.startsWith('pissa_niter'))
    throw new TypeError(
      `${file}: init_lora_weights: expected factors of the base as it is but found ${init}, a part of it that was drawn at random; save the adapter with path_initial_model_for_weight_conversion`,
    );
  return { ...config, initLoraWeights: decomposes({ init }) ? init : true };
}

/** Ranks, scales and modules of the factors that a file holds. */
function describeLora(config: PeftLoraConfig, tensors: readonly string[]): Readonly<Record<string, Described>> {
  const names = modulesIn(tensors);
  const { trainableTokenIndices: given } = config;
  const tokens =
    given === undefined || Array.isArray(given)
      ? (given as readonly number[] | undefined)
      : Object.values(given).flat();
  const distinct = (values: readonly number[]): number[] => [...new Set(values)].toSorted((a, b) => a - b);
  return {
    ranks: distinct(names.map((name) => rankOf(config, name))),
    scales: distinct(names.map((name) => scaleOf(config, name))),
    dropout: config.loraDropout,
    targets: [...new Set(names.map(lastPart))],
    modules: names.length,
    ...(config.useDora === true ? { dora: true } : {}),
    ...(config.bias === undefined ? {} : { bias: config.bias }),
    ...(config.modulesToSave === undefined ? {} : { 'trained whole': config.modulesToSave }),
    ...(tokens === undefined ? {} : { tokens }),
  };
}

export const loraUnit: AdapterUnit<'lora', typeof loraSchema> = {
  type: 'lora',
  schema: loraSchema,
  make: (config, model) => {
    const options = loraConfigOf(config);
    return lora({ ...options, ...taskOf(model, options.modulesToSave) }, model);
  },
  peft: {
    type: 'LORA',
    describe: (json, tensors, file) => describeLora(parsePeftConfig(json, file), tensors),
    read: (json, tensors, model, file) => {
      const config = trainedConfig(parsePeftConfig(json, file), file);
      const { taskType } = taskOf(model);
      if (config.taskType !== undefined && config.taskType !== taskType)
        throw new TypeError(
          `${file}: task_type: expected ${taskType ?? 'none'} on this ${model.type} but found ${config.taskType}`,
        );
      return lora({ ...config, targetModules: config.targetModules ?? modulesIn(tensors.keys()) }, model);
    },
  },
};
