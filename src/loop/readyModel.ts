import type { Adapter, AdapterParameter, AdapterState } from '../adapters/adapter.ts';
import type { Checkpoint } from '../hub/checkpoint.ts';
import { loadTokenizer, type Tokenizer } from '../hub/tokenizer.ts';
import { named } from '../ir/errors.ts';
import { randomKey } from '../ir/random.ts';
import { formatShape, sameShape } from '../ir/types.ts';
import type { LanguageModel, Model } from '../nn/model.ts';
import { ownTensors, ownValues } from '../nn/ownNames.ts';
import type { Engine } from '../runtime/engine.ts';
import { runHere } from '../runtime/linalg/job.ts';
import { type LinearAlgebra, linearAlgebra } from '../runtime/linalg/service.ts';
import { quantizedNames } from '../runtime/quantizedWeights.ts';
import { assertFinite } from '../runtime/weightValues.ts';
import { fillWeights, type WeightForms, type WeightGroup, type WeightStore, weightStore } from '../runtime/weights.ts';
import { type ProgramCache, programCache } from './programCache.ts';

/** An adapter whose weights are in the store. */
export interface AdapterWeights {
  readonly adapter: Adapter;
  readonly weights: WeightGroup;
  /** What it keeps beside trained tensors. */
  readonly states: WeightGroup;
}

/** A checkpoint that is ready to run, wherever it was read from. */
export interface ReadyModel<M extends Model = LanguageModel> {
  readonly checkpoint: Checkpoint;
  readonly model: M;
  readonly tokenizer: Tokenizer | undefined;
  readonly store: WeightStore;
  readonly engine: Engine;
  readonly programs: ProgramCache;
  readonly attached: AdapterWeights | undefined;
  /** What was noticed while loading: fields and tensors without effect. */
  readonly notices: readonly string[];
  close(): Promise<void>;
}

/** The tensors that the architecture wants, checked; those of `trained` are left for others to allocate. Throws RangeError naming what is missing or of another shape. */
function addWeights(checkpoint: Checkpoint, model: Model, store: WeightStore, trained: ReadonlySet<string>): string[] {
  const wanted = new Set(model.parameters.map(({ name }) => name));
  const tensors = ownTensors(checkpoint.tensors, model);
  for (const { name, shape, quantized } of model.parameters) {
    const source = tensors.get(name);
    if (!source)
      throw new RangeError(`${checkpoint.path}: expected tensor ${name} ${formatShape(shape)} but found none`);
    if (!sameShape(source.shape, shape)) {
      throw new RangeError(
        `${checkpoint.path}: expected weight ${formatShape(shape)} at ${name} but found ${formatShape(source.shape)}`,
      );
    }
    if (trained.has(name)) {
      if (quantized !== undefined)
        throw new TypeError(`Expected a frozen base in ${quantized} but found trained weights: ${name}`);
    } else if (quantized === undefined) store.add(source);
    else store.addQuantized(source, quantized);
  }
  const without = [...tensors.keys()].filter((name) => !wanted.has(name));
  // The copy of a tied head, or the head that a classifier has another one in place of.
  const unused = without.filter((name) => name !== 'lm_head.weight');
  return unused.length === 0
    ? []
    : [`${unused.length} tensors of the checkpoint have no place in ${model.type}: ${unused.slice(0, 3).join(', ')}`];
}

/** An adapter before its weights are there. */
export interface UnattachedAdapter {
  readonly adapter: Adapter;
  /** Values from a file; what it does not give is made anew. */
  readonly values?: ReadonlyMap<string, Float32Array>;
}

/** Decayed parameters lie together, so that an update is few vectors. */
const byDecay = (parameters: readonly AdapterParameter[]): readonly AdapterParameter[] => [
  ...parameters.filter(({ decays }) => decays),
  ...parameters.filter(({ decays }) => !decays),
];

async function attach(
  { store, checkpoint, model, own }: Base,
  { adapter, values = new Map() }: UnattachedAdapter,
  engine: Engine,
  { seed = 0, linalg = linearAlgebra(runHere()) }: Omit<ReadyOptions, 'engine' | 'adapter'>,
): Promise<AdapterWeights> {
  const weights = store.allocate('adapter', byDecay(adapter.parameters));
  const states = store.allocate('adapter states', adapter.states ?? []);
  const tensors = ownTensors(checkpoint.tensors, model);
  // Not the store's, which would keep a weight in f32 that no program may want so.
  const base = ownValues(checkpoint.tensors, model);
  const fill = async ({ name, initialize }: AdapterParameter | AdapterState): Promise<void> => {
    const target = await store.get(name).f32();
    if (!own.has(name)) return initialize(target, { key: randomKey(seed, name), random: engine.random, base, linalg });
    await tensors.get(name)?.readF32(target);
    assertFinite(name, target);
  };
  const all = [...adapter.parameters, ...(adapter.states ?? [])].filter(({ name }) => !values.has(name));
  await Promise.all(all.map(fill));
  await fillWeights(weights, values);
  return { adapter, weights, states };
}

interface Base {
  readonly store: WeightStore;
  readonly checkpoint: Checkpoint;
  readonly model: Model;
  /** Weights of the model itself that are trained. */
  readonly own: ReadonlySet<string>;
}

export interface ReadyOptions {
  readonly engine: Engine;
  readonly adapter?: UnattachedAdapter | undefined;
  /** Draws the values that the adapter's files do not give; 0 unless given. */
  readonly seed?: number | undefined;
  /** Decomposes weights for adapters that start so; on the calling thread unless given. */
  readonly linalg?: LinearAlgebra;
}

/** The weights of a checkpoint in a store, an adapter on them, and the programs of an engine. Throws, naming the tensor, on what does not fit. */
export async function readyModel<M extends Model>(
  checkpoint: Checkpoint,
  model: M,
  { engine, adapter, ...initial }: ReadyOptions,
): Promise<ReadyModel<M>> {
  const store = weightStore(engine.scans);
  const trained = new Set(adapter?.adapter.parameters.map(({ name }) => name));
  const own = new Set(model.parameters.flatMap(({ name }) => (trained.has(name) ? [name] : [])));
  const notices = addWeights(checkpoint, model, store, own);
  if (model.ignoredFields.length > 0)
    notices.push(`config.json fields without effect: ${model.ignoredFields.join(', ')}`);
  if (own.size > 0 && engine.precision === 'bf16')
    notices.push(
      'products round the trained weights to bf16, in evaluations too, which hides part of what small steps change: score with --precision fp32 shows it',
    );
  const attached = adapter && (await attach({ store, checkpoint, model, own }, adapter, engine, initial));
  const programs = programCache(engine, store);
  const generation = (checkpoint.generationConfig ?? {}) as Record<string, unknown>;
  const eos = (generation['eos_token_id'] ?? checkpoint.config['eos_token_id']) as number | number[] | null | undefined;
  const files = checkpoint.tokenizer;
  const tokenizer =
    files && named(checkpoint.path, () => loadTokenizer(files, eos === undefined ? {} : { eos_token_id: eos }));
  return {
    checkpoint,
    model,
    tokenizer,
    store,
    engine,
    programs,
    attached,
    notices,
    close: async () => {
      programs.release();
      await checkpoint.close();
    },
  };
}

/** Reads all weights, in f32 where `forms` says nothing of them, so that a broken one is found before anything is written. Throws RangeError naming it. */
export async function readWeights({ model, store }: ReadyModel<Model>, forms?: WeightForms): Promise<void> {
  for (const { name, quantized } of model.parameters) {
    const weight = store.get(name);
    if (quantized !== undefined) await store.get(quantizedNames(name).codes).codes?.();
    else for (const form of forms?.get(name) ?? ['f32' as const]) await weight[form]?.();
  }
}

/** The tokenizer, which must be there. */
export function tokenizerOf({ tokenizer, checkpoint }: Pick<ReadyModel, 'tokenizer' | 'checkpoint'>): Tokenizer {
  if (!tokenizer) throw new Error(`${checkpoint.path}: expected a tokenizer (tokenizer.json) but found none`);
  return tokenizer;
}
