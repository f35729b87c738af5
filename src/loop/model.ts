import type { Adapter } from '../adapters/adapter.ts';
import { full } from '../adapters/full.ts';
import { lora } from '../adapters/lora.ts';
import { type Checkpoint, openCheckpoint } from '../hub/checkpoint.ts';
import { modelName } from '../hub/hubId.ts';
import { checkPeftAdapter, type PeftLoraConfig, readPeftAdapter } from '../hub/peft.ts';
import { loadTokenizer, type Tokenizer } from '../hub/tokenizer.ts';
import { randomKey } from '../ir/random.ts';
import { formatShape, sameShape } from '../ir/types.ts';
import type { Classifier, LanguageModel, Model } from '../nn/model.ts';
import { classifier, languageModel, type ModelKind, modelKind } from '../nn/models/index.ts';
import { ownTensors } from '../nn/ownNames.ts';
import type { Engine } from '../runtime/engine.ts';
import type { RandomService } from '../runtime/random.ts';
import { assertFinite, type WeightGroup, type WeightStore, weightStore } from '../runtime/weights.ts';
import { type ProgramCache, programCache } from './programCache.ts';
import { loadFactors, loraFiles, modelFiles, type TrainedFiles } from './trainedFiles.ts';

/** An adapter whose weights are in the store. */
export interface AttachedAdapter {
  readonly adapter: Adapter;
  readonly weights: WeightGroup;
  readonly files: TrainedFiles;
}

/** A checkpoint that is ready to run. */
export interface LoadedModel<M extends Model = LanguageModel> {
  readonly checkpoint: Checkpoint;
  readonly model: M;
  readonly tokenizer: Tokenizer | undefined;
  readonly store: WeightStore;
  readonly engine: Engine;
  readonly programs: ProgramCache;
  readonly attached: AttachedAdapter | undefined;
  /** What was noticed while loading: fields and tensors without effect. */
  readonly notices: readonly string[];
  close(): Promise<void>;
}

export interface OpenModelOptions {
  /** Checkpoint folder, .gguf file or id on the Hugging Face hub. */
  readonly model: string;
  /** PEFT adapter folder or id. */
  readonly adapter?: string | undefined;
  /** A new adapter instead, drawn from the seed. */
  readonly newAdapter?: { readonly config: PeftLoraConfig; readonly seed: number } | undefined;
  /** Whether the model's own weights are trained; frozen unless given, and with an adapter. */
  readonly base?: 'frozen' | 'trained' | undefined;
  readonly engine: Engine;
}

/** The tensors that the architecture wants, checked; those of `trained` are left for others to allocate. Throws RangeError naming what is missing or of another shape. */
function addWeights(checkpoint: Checkpoint, model: Model, store: WeightStore, trained: ReadonlySet<string>): string[] {
  const wanted = new Map(model.parameters.map(({ name, shape }) => [name, shape]));
  const tensors = ownTensors(checkpoint.tensors, model);
  for (const [name, shape] of wanted) {
    const source = tensors.get(name);
    if (!source)
      throw new RangeError(`${checkpoint.path}: expected tensor ${name} ${formatShape(shape)} but found none`);
    if (!sameShape(source.shape, shape)) {
      throw new RangeError(
        `${checkpoint.path}: expected weight ${formatShape(shape)} at ${name} but found ${formatShape(source.shape)}`,
      );
    }
    if (!trained.has(name)) store.add(source);
  }
  const without = [...tensors.keys()].filter((name) => !wanted.has(name));
  // The copy of a tied head, or the head that a classifier has another one in place of.
  const unused = without.filter((name) => name !== 'lm_head.weight');
  return unused.length === 0
    ? []
    : [`${unused.length} tensors of the checkpoint have no place in ${model.type}: ${unused.slice(0, 3).join(', ')}`];
}

/** An adapter before its weights are there. */
interface Unattached {
  readonly adapter: Adapter;
  /** Writes the values that training starts from, where they come from a file. */
  readonly fill?: (weights: WeightGroup) => Promise<void>;
  readonly files: (weights: WeightGroup) => TrainedFiles;
}

/** The checkpoint's values into trained weights. */
async function copyWeights(checkpoint: Checkpoint, model: Model, weights: WeightGroup): Promise<void> {
  const tensors = ownTensors(checkpoint.tensors, model);
  for (const { name, f32 } of weights.members) {
    const values = await f32();
    await tensors.get(name)?.readF32(values);
    assertFinite(name, values);
  }
  weights.flat.touch();
}

/** The model's own weights, where they are trained. */
function trainedWhole(checkpoint: Checkpoint, model: Model, { base }: OpenModelOptions): Unattached | undefined {
  if (base !== 'trained') return undefined;
  return {
    adapter: full(model),
    fill: (weights) => copyWeights(checkpoint, model, weights),
    files: (weights) => modelFiles(weights, checkpoint, model),
  };
}

async function adapterOf(
  checkpoint: Checkpoint,
  model: LanguageModel,
  options: OpenModelOptions,
): Promise<Unattached | undefined> {
  if (options.base === 'trained') {
    if (options.adapter !== undefined || options.newAdapter)
      throw new TypeError('Expected a frozen base under an adapter but found a trained one');
    return trainedWhole(checkpoint, model, options);
  }
  if (options.adapter !== undefined) {
    const peft = await readPeftAdapter(options.adapter);
    const linears = model.linears.map(({ name, inFeatures, outFeatures }) => ({ path: name, inFeatures, outFeatures }));
    const head = { path: 'lm_head', inFeatures: model.hiddenSize, outFeatures: model.vocabSize, isHead: true };
    checkPeftAdapter(peft, [...linears, head], options.adapter);
    // The file's tensors are the truth, however they were initialised.
    const config: PeftLoraConfig = {
      ...peft.config,
      targetModules: peft.config.targetModules ?? [...peft.modules.keys()],
      initLoraWeights: true,
    };
    const adapter = lora(config, model);
    return {
      adapter,
      fill: (weights) => loadFactors(weights, peft),
      files: (weights) => loraFiles(adapter, config, weights, modelName(checkpoint.path)),
    };
  }
  if (!options.newAdapter) return undefined;
  const { config } = options.newAdapter;
  const resolved = {
    ...config,
    targetModules: config.targetModules ?? model.defaultTargets,
    ...(model.linears.some(({ transposed }) => transposed) ? { fanInFanOut: true } : {}),
  };
  const adapter = lora(resolved, model);
  return { adapter, files: (weights) => loraFiles(adapter, resolved, weights, modelName(checkpoint.path)) };
}

async function attach(
  store: WeightStore,
  { adapter, fill, files }: Unattached,
  seed: number,
  random: RandomService,
): Promise<AttachedAdapter> {
  const weights = store.allocate('adapter', adapter.parameters);
  for (const { name, initialize } of fill ? [] : adapter.parameters)
    await initialize(await store.get(name).f32(), randomKey(seed, name), random);
  await fill?.(weights);
  return { adapter, weights, files: files(weights) };
}

/** Opens a checkpoint, and an adapter on it. Throws, naming file and field, on what does not fit. */
export function openModel(options: OpenModelOptions): Promise<LoadedModel> {
  return open(options, languageModel, adapterOf);
}

/** What a checkpoint is for, by its config. */
export async function kindOfModel(path: string): Promise<ModelKind> {
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  return modelKind(checkpoint.config);
}

/** Opens a sequence classifier; TypeError on an encoder without a head and on an adapter. */
export function openClassifier(options: OpenModelOptions): Promise<LoadedModel<Classifier>> {
  if (options.adapter !== undefined || options.newAdapter)
    throw new TypeError(
      `${options.model}: a classifier is trained whole here: adapters on classifiers are not there yet`,
    );
  return open(options, classifier, trainedWhole);
}

async function open<M extends Model>(
  options: OpenModelOptions,
  build: (config: Checkpoint['config']) => M,
  adapt: (
    checkpoint: Checkpoint,
    model: M,
    options: OpenModelOptions,
  ) => Promise<Unattached | undefined> | Unattached | undefined,
): Promise<LoadedModel<M>> {
  const checkpoint = await openCheckpoint(options.model);
  try {
    const model = build(checkpoint.config);
    const store = weightStore();
    const unattached = await adapt(checkpoint, model, options);
    const own = unattached?.adapter.base === 'trained' ? unattached.adapter.parameters.map(({ name }) => name) : [];
    const notices = addWeights(checkpoint, model, store, new Set(own));
    if (model.ignoredFields.length > 0)
      notices.push(`config.json fields without effect: ${model.ignoredFields.join(', ')}`);
    const attached =
      unattached && (await attach(store, unattached, options.newAdapter?.seed ?? 0, options.engine.random));
    const programs = programCache(options.engine, store);
    const generation = (checkpoint.generationConfig ?? {}) as Record<string, unknown>;
    const eos = (generation['eos_token_id'] ?? checkpoint.config['eos_token_id']) as
      | number
      | number[]
      | null
      | undefined;
    const tokenizer = checkpoint.tokenizer
      ? loadTokenizer(checkpoint.tokenizer, eos === undefined ? {} : { eos_token_id: eos })
      : undefined;
    return {
      checkpoint,
      model,
      tokenizer,
      store,
      engine: options.engine,
      programs,
      attached,
      notices,
      close: async () => {
        programs.release();
        await checkpoint.close();
      },
    };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

/** Reads all weights, so that a broken one is found before anything is written. Throws RangeError naming it. */
export async function readWeights({ model, store }: LoadedModel<Model>): Promise<void> {
  for (const { name } of model.parameters) await store.get(name).f32();
}

/** The tokenizer, which must be there. */
export function tokenizerOf({ tokenizer, checkpoint }: Pick<LoadedModel, 'tokenizer' | 'checkpoint'>): Tokenizer {
  if (!tokenizer) throw new Error(`${checkpoint.path}: expected a tokenizer (tokenizer.json) but found none`);
  return tokenizer;
}
