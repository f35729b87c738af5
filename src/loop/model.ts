import type { Adapter } from '../adapters/adapter.ts';
import { factorNames, lora } from '../adapters/lora.ts';
import { type Checkpoint, openCheckpoint } from '../hub/checkpoint.ts';
import { checkPeftAdapter, type LoraTensors, type PeftAdapter, type PeftLoraConfig, readPeftAdapter } from '../hub/peft.ts';
import { loadTokenizer, type Tokenizer } from '../hub/tokenizer.ts';
import { randomKey } from '../ir/random.ts';
import { formatShape, sameShape, sizeOf } from '../ir/types.ts';
import type { LanguageModel } from '../nn/model.ts';
import { languageModel } from '../nn/models/index.ts';
import type { Engine } from '../runtime/engine.ts';
import { type WeightGroup, type WeightStore, weightStore } from '../runtime/weights.ts';
import { type ProgramCache, programCache } from './programCache.ts';

/** An adapter whose weights are in the store. */
export interface AttachedAdapter {
  readonly adapter: Adapter;
  readonly config: PeftLoraConfig;
  readonly weights: WeightGroup;
}

/** A checkpoint that is ready to run. */
export interface LoadedModel {
  readonly checkpoint: Checkpoint;
  readonly model: LanguageModel;
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
  /** Checkpoint folder or .gguf file. */
  readonly model: string;
  /** PEFT adapter folder. */
  readonly adapter?: string | undefined;
  /** A new adapter instead, drawn from the seed. */
  readonly newAdapter?: { readonly config: PeftLoraConfig; readonly seed: number } | undefined;
  readonly engine: Engine;
}

/** The tensors that the architecture wants, checked. Throws RangeError naming what is missing or of another shape. */
function addWeights(checkpoint: Checkpoint, model: LanguageModel, store: WeightStore): string[] {
  const wanted = new Map(model.parameters.map(({ name, shape }) => [name, shape]));
  for (const [name, shape] of wanted) {
    const source = checkpoint.tensors.get(name);
    if (!source) throw new RangeError(`${checkpoint.path}: expected tensor ${name} ${formatShape(shape)} but found none`);
    if (!sameShape(source.shape, shape)) {
      throw new RangeError(`${checkpoint.path}: expected weight ${formatShape(shape)} at ${name} but found ${formatShape(source.shape)}`);
    }
    store.add(source);
  }
  const without = [...checkpoint.tensors.keys()].filter((name) => !wanted.has(name) && !name.endsWith('rotary_emb.inv_freq'));
  const unused = without.filter((name) => !(model.tied && name === 'lm_head.weight'));
  return unused.length === 0 ? [] : [`${unused.length} tensors of the checkpoint have no place in ${model.type}: ${unused.slice(0, 3).join(', ')}`];
}

async function attach(model: LanguageModel, store: WeightStore, options: OpenModelOptions): Promise<AttachedAdapter | undefined> {
  if (options.adapter !== undefined) {
    const peft = await readPeftAdapter(options.adapter);
    const linears = model.linears.map(({ name, inFeatures, outFeatures }) => ({ path: name, inFeatures, outFeatures }));
    const head = { path: 'lm_head', inFeatures: model.hiddenSize, outFeatures: model.vocabSize, isHead: true };
    checkPeftAdapter(peft, [...linears, head], options.adapter);
    // The file's tensors are the truth, however they were initialised.
    const config: PeftLoraConfig = { ...peft.config, targetModules: peft.config.targetModules ?? [...peft.modules.keys()], initLoraWeights: true };
    const adapter = lora(config, model);
    const weights = store.allocate('adapter', adapter.parameters);
    await loadFactors({ adapter, config, weights }, peft);
    return { adapter, config, weights };
  }
  if (!options.newAdapter) return undefined;
  const { config, seed } = options.newAdapter;
  const resolved = { ...config, targetModules: config.targetModules ?? model.defaultTargets };
  const adapter = lora(resolved, model);
  const weights = store.allocate('adapter', adapter.parameters);
  for (const { name, initialize } of adapter.parameters) initialize(await store.get(name).f32(), randomKey(seed, name));
  return { adapter, config: resolved, weights };
}

/** Copies an adapter's factors into the store. */
export async function loadFactors({ weights }: AttachedAdapter, peft: PeftAdapter): Promise<void> {
  const members = new Map(weights.members.map((member) => [member.name, member]));
  for (const [path, { A, B }] of peft.modules) {
    const names = factorNames(path);
    for (const [name, tensor] of [[names[0], A], [names[1], B]] as const) {
      const member = members.get(name);
      if (!member || sizeOf(member.shape) !== tensor.values.length) {
        throw new RangeError(`Expected a factor of the adapter but found ${name} ${formatShape(tensor.shape)}`);
      }
      (await member.f32()).set(tensor.values);
    }
  }
  weights.flat.touch();
}

/** The factors as PEFT's files hold them. */
export async function factorsOf({ adapter, config, weights }: AttachedAdapter, base: string): Promise<PeftAdapter> {
  const values = new Map<string, Float32Array>();
  for (const member of weights.members) values.set(member.name, await member.f32());
  const shapes = new Map(adapter.parameters.map(({ name, shape }) => [name, shape]));
  const modules = new Map<string, LoraTensors>();
  const tensorOf = (name: string): LoraTensors['A'] => {
    const [rows, columns] = shapes.get(name) ?? [];
    const found = values.get(name);
    if (rows === undefined || columns === undefined || !found) throw new RangeError(`Expected a factor named ${name}`);
    return { shape: [rows, columns], values: found };
  };
  for (const { name } of adapter.parameters) {
    const path = name.replace(/\.lora_[AB]\.weight$/, '');
    const [a, b] = factorNames(path);
    modules.set(path, { A: tensorOf(a), B: tensorOf(b) });
  }
  return { config: { ...config, baseModelNameOrPath: base, taskType: 'CAUSAL_LM' }, modules };
}

/** Opens a checkpoint, and an adapter on it. Throws, naming file and field, on what does not fit. */
export async function openModel(options: OpenModelOptions): Promise<LoadedModel> {
  const checkpoint = await openCheckpoint(options.model);
  try {
    const model = languageModel(checkpoint.config);
    const store = weightStore();
    const notices = addWeights(checkpoint, model, store);
    if (model.ignoredFields.length > 0) notices.push(`config.json fields without effect: ${model.ignoredFields.join(', ')}`);
    const attached = await attach(model, store, options);
    const programs = programCache(options.engine, store);
    const generation = (checkpoint.generationConfig ?? {}) as Record<string, unknown>;
    const eos = (generation['eos_token_id'] ?? checkpoint.config['eos_token_id']) as number | number[] | null | undefined;
    const tokenizer = checkpoint.tokenizer ? loadTokenizer(checkpoint.tokenizer, eos === undefined ? {} : { eos_token_id: eos }) : undefined;
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

/** The tokenizer, which must be there. */
export function tokenizerOf({ tokenizer, checkpoint }: LoadedModel): Tokenizer {
  if (!tokenizer) throw new Error(`${checkpoint.path}: expected a tokenizer (tokenizer.json) but found none`);
  return tokenizer;
}
