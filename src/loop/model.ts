import type { Adapter } from '../adapters/adapter.ts';
import { type BaseValues, readAdapter } from '../adapters/peftFolder.ts';
import { type Checkpoint, openCheckpoint } from '../hub/checkpoint.ts';
import { modelName } from '../hub/hubId.ts';
import type { Classifier, LanguageModel, Model } from '../nn/model.ts';
import { classifier, languageModel, type ModelKind, modelKind } from '../nn/models/index.ts';
import { ownValues } from '../nn/ownNames.ts';
import type { Engine } from '../runtime/engine.ts';
import { type AdapterWeights, type ReadyModel, readyModel, type UnattachedAdapter } from './readyModel.ts';
import { adapterFiles, modelFiles, type TrainedFiles } from './trainedFiles.ts';

export { readWeights, tokenizerOf } from './readyModel.ts';

/** An adapter whose weights are in the store, and the files that they become. */
export interface AttachedAdapter extends AdapterWeights {
  readonly files: TrainedFiles;
}

/** A checkpoint from files that is ready to run. */
export interface LoadedModel<M extends Model = LanguageModel> extends ReadyModel<M> {
  readonly attached: AttachedAdapter | undefined;
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

function newAdapterOf<M extends Model>(model: M, { newAdapter }: OpenModelOptions<M>): UnattachedAdapter | undefined {
  return newAdapter && { adapter: newAdapter.make(model), values: new Map() };
}

async function adapterOf(
  model: LanguageModel,
  options: OpenModelOptions,
  base: BaseValues,
): Promise<UnattachedAdapter | undefined> {
  return options.adapter === undefined ? newAdapterOf(model, options) : readAdapter(options.adapter, model, base);
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

/** A checkpoint's where its own weights are trained, all of them; else an adapter's. */
function filesOf(checkpoint: Checkpoint, model: Model, { adapter, weights }: AdapterWeights): TrainedFiles {
  const own = new Set(model.parameters.map(({ name }) => name));
  return adapter.parameters.every(({ name }) => own.has(name))
    ? modelFiles(weights, checkpoint, model)
    : adapterFiles(adapter, weights, modelName(checkpoint.path));
}

async function open<M extends Model>(
  options: OpenModelOptions<M>,
  build: (config: Checkpoint['config']) => M,
  adapt: (model: M, options: OpenModelOptions<M>, base: BaseValues) => Promise<UnattachedAdapter | undefined>,
): Promise<LoadedModel<M>> {
  const { engine, newAdapter } = options;
  const checkpoint = await openCheckpoint(options.model);
  try {
    const model = build(checkpoint.config);
    const adapter = await adapt(model, options, ownValues(checkpoint.tensors, model));
    const ready = await readyModel(checkpoint, model, { engine, adapter, seed: newAdapter?.seed });
    const { attached } = ready;
    return { ...ready, attached: attached && { ...attached, files: filesOf(checkpoint, model, attached) } };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}
