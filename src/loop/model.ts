import type { Adapter, AdapterParameter, AdapterState } from '../adapters/adapter.ts';
import { type BaseValues, readAdapter } from '../adapters/peftFolder.ts';
import { type Checkpoint, openCheckpoint } from '../hub/checkpoint.ts';
import { modelName } from '../hub/hubId.ts';
import { loadTokenizer, type Tokenizer } from '../hub/tokenizer.ts';
import { randomKey } from '../ir/random.ts';
import { formatShape, sameShape } from '../ir/types.ts';
import type { Classifier, LanguageModel, Model } from '../nn/model.ts';
import { classifier, languageModel, type ModelKind, modelKind } from '../nn/models/index.ts';
import { ownTensors, ownValues } from '../nn/ownNames.ts';
import type { Engine } from '../runtime/engine.ts';
import { assertFinite, type WeightGroup, type WeightStore, weightStore } from '../runtime/weights.ts';
import { type ProgramCache, programCache } from './programCache.ts';
import { adapterFiles, fillWeights, modelFiles, type TrainedFiles } from './trainedFiles.ts';

/** An adapter whose weights are in the store. */
export interface AttachedAdapter {
  readonly adapter: Adapter;
  readonly weights: WeightGroup;
  /** What it keeps beside trained tensors. */
  readonly states: WeightGroup;
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

export interface OpenModelOptions<M extends Model = LanguageModel> {
  /** Checkpoint folder, .gguf file or id on the Hugging Face hub. */
  readonly model: string;
  /** PEFT adapter folder or id. */
  readonly adapter?: string | undefined;
  /** A new adapter instead, whose values are drawn from the seed; the model's own weights start from the checkpoint. */
  readonly newAdapter?: { readonly make: (model: M) => Adapter; readonly seed: number } | undefined;
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
  /** Values from a file; what it does not give is made anew. */
  readonly values: ReadonlyMap<string, Float32Array>;
}

function newAdapterOf<M extends Model>(model: M, { newAdapter }: OpenModelOptions<M>): Unattached | undefined {
  return newAdapter && { adapter: newAdapter.make(model), values: new Map() };
}

async function adapterOf(
  model: LanguageModel,
  options: OpenModelOptions,
  base: BaseValues,
): Promise<Unattached | undefined> {
  return options.adapter === undefined ? newAdapterOf(model, options) : readAdapter(options.adapter, model, base);
}

/** Decayed parameters lie together, so that an update is few vectors. */
const byDecay = (parameters: readonly AdapterParameter[]): readonly AdapterParameter[] => [
  ...parameters.filter(({ decays }) => decays),
  ...parameters.filter(({ decays }) => !decays),
];

async function attach(
  { store, checkpoint, model, own }: Base,
  { adapter, values }: Unattached,
  engine: Engine,
  seed: number,
): Promise<AttachedAdapter> {
  const weights = store.allocate('adapter', byDecay(adapter.parameters));
  const states = store.allocate('adapter states', adapter.states ?? []);
  const tensors = ownTensors(checkpoint.tensors, model);
  const base = (name: string): Promise<Float32Array> => store.get(name).f32();
  const fill = async ({ name, initialize }: AdapterParameter | AdapterState): Promise<void> => {
    const target = await store.get(name).f32();
    if (!own.has(name)) return initialize(target, { key: randomKey(seed, name), random: engine.random, base });
    await tensors.get(name)?.readF32(target);
    assertFinite(name, target);
  };
  for (const each of [...adapter.parameters, ...(adapter.states ?? [])]) if (!values.has(each.name)) await fill(each);
  await fillWeights(weights, values);
  const whole = adapter.parameters.every(({ name }) => own.has(name));
  const files = whole
    ? modelFiles(weights, checkpoint, model)
    : adapterFiles(adapter, weights, modelName(checkpoint.path));
  return { adapter, weights, states, files };
}

interface Base {
  readonly store: WeightStore;
  readonly checkpoint: Checkpoint;
  readonly model: Model;
  /** Weights of the model itself that are trained. */
  readonly own: ReadonlySet<string>;
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

/** Opens a sequence classifier; TypeError on an encoder without a head and on an adapter's folder. */
export function openClassifier(options: OpenModelOptions<Classifier>): Promise<LoadedModel<Classifier>> {
  if (options.adapter !== undefined)
    throw new TypeError(
      `${options.model}: a classifier is trained whole here: adapters on classifiers are not there yet`,
    );
  return open(options, classifier, async (model) => newAdapterOf(model, options));
}

async function open<M extends Model>(
  options: OpenModelOptions<M>,
  build: (config: Checkpoint['config']) => M,
  adapt: (model: M, options: OpenModelOptions<M>, base: BaseValues) => Promise<Unattached | undefined>,
): Promise<LoadedModel<M>> {
  const checkpoint = await openCheckpoint(options.model);
  try {
    const model = build(checkpoint.config);
    const store = weightStore();
    const unattached = await adapt(model, options, ownValues(checkpoint.tensors, model));
    const trained = new Set(unattached?.adapter.parameters.map(({ name }) => name));
    const own = new Set(model.parameters.flatMap(({ name }) => (trained.has(name) ? [name] : [])));
    const notices = addWeights(checkpoint, model, store, own);
    if (model.ignoredFields.length > 0)
      notices.push(`config.json fields without effect: ${model.ignoredFields.join(', ')}`);
    const attached =
      unattached &&
      (await attach({ store, checkpoint, model, own }, unattached, options.engine, options.newAdapter?.seed ?? 0));
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
