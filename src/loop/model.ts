import type { Adapter } from '../adapters/adapter.ts';
import { type BaseValues, readAdapter } from '../adapters/peftFolder.ts';
import { type Checkpoint, checkpointConfig, openCheckpoint } from '../hub/checkpoint.ts';
import { modelName } from '../hub/hubId.ts';
import { named } from '../ir/errors.ts';
import type { QuantizedType } from '../ir/ops/dequantize.ts';
import {
  type AnyClassifier,
  type Classifier,
  type Encoder,
  type LanguageModel,
  type Model,
  readsImages,
  type TaskModel,
} from '../nn/model.ts';
import { anyClassifier, encoder, languageModel, type ModelKind, modelKind } from '../nn/models/index.ts';
import { ownValues } from '../nn/ownNames.ts';
import { quantizedModel } from '../nn/quantized.ts';
import type { Engine } from '../runtime/engine.ts';
import { linalgPool } from '../runtime/node/linalg-pool.ts';
import { processorOf } from './imageReads.ts';
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

export interface OpenModelOptions<M extends TaskModel = LanguageModel> {
  /** Checkpoint folder, .gguf file or id on the Hugging Face hub. */
  readonly model: string;
  /** PEFT adapter folder or id. */
  readonly adapter?: string | undefined;
  /** A new adapter instead, whose values are drawn from the seed; the model's own weights start from the checkpoint. */
  readonly newAdapter?: { readonly make: (model: M) => Adapter; readonly seed: number } | undefined;
  /** Bits in which the weights of linear layers are held, which are then frozen; as floats unless given. */
  readonly quantization?: QuantizedType | undefined;
  /** Whether embeddings and output head are held in as many bits. */
  readonly quantizeEmbeddings?: boolean | undefined;
  readonly engine: Engine;
}

async function adapterOf<M extends TaskModel>(
  model: M,
  { adapter, newAdapter }: OpenModelOptions<M>,
  base: BaseValues,
): Promise<UnattachedAdapter | undefined> {
  if (adapter !== undefined) return readAdapter(adapter, model, base);
  return newAdapter && { adapter: newAdapter.make(model), values: new Map() };
}

/** Opens a checkpoint, and an adapter on it. Throws, naming file and field, on what does not fit. */
export function openModel(options: OpenModelOptions): Promise<LoadedModel> {
  return open(options, languageModel);
}

/** What a checkpoint is for, by its config. */
export async function kindOfModel(path: string): Promise<ModelKind> {
  return modelKind(await checkpointConfig(path));
}

/** Opens a classifier of texts or images, and an adapter on it; TypeError on an encoder without a head. */
export function openClassifier(options: OpenModelOptions<AnyClassifier>): Promise<LoadedModel<AnyClassifier>> {
  return open(options, anyClassifier);
}

/** Opens an encoder without a head, as `make` turns it into a classifier. */
export function openEncoder(
  options: OpenModelOptions<Classifier>,
  make: (model: Encoder) => Classifier,
): Promise<LoadedModel<Classifier>> {
  return open(options, (config) => make(encoder(config)));
}

/** A checkpoint's where its own weights are trained, all of them; else an adapter's. */
function filesOf(checkpoint: Checkpoint, model: Model, attached: AdapterWeights): TrainedFiles {
  const { adapter, weights } = attached;
  const own = new Set(model.parameters.map(({ name }) => name));
  return adapter.parameters.every(({ name }) => own.has(name))
    ? modelFiles(weights, checkpoint, model)
    : adapterFiles(attached, modelName(checkpoint.path));
}

async function open<M extends TaskModel>(
  options: OpenModelOptions<M>,
  build: (config: Checkpoint['config']) => M,
): Promise<LoadedModel<M>> {
  const { engine, newAdapter, quantization, quantizeEmbeddings } = options;
  if (quantizeEmbeddings === true && quantization === undefined)
    throw new TypeError('Expected quantization with quantizeEmbeddings but found none');
  const checkpoint = await openCheckpoint(options.model);
  // Its threads begin with the first decomposition.
  const linalg = linalgPool();
  try {
    const model = named(checkpoint.path, () => {
      const plain = build(checkpoint.config);
      return quantization === undefined ? plain : quantizedModel(plain, quantization, quantizeEmbeddings);
    });
    const adapter = await adapterOf(model, options, ownValues(checkpoint.tensors, model));
    const ready = await readyModel(checkpoint, model, { engine, adapter, seed: newAdapter?.seed, linalg });
    const { attached } = ready;
    const images = readsImages(model) ? processorOf({ checkpoint, model }).notices : [];
    return {
      ...ready,
      notices: [...ready.notices, ...images],
      attached: attached && { ...attached, files: filesOf(checkpoint, model, attached) },
    };
  } catch (error) {
    await checkpoint.close();
    throw error;
  } finally {
    linalg.close();
  }
}
