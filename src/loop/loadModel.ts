import type { QuantizedType } from '../ir/ops/dequantize.ts';
import { type HubEvent } from '../hub/node/hubSnapshot.ts';
import { locateAdapter, locateModel, pinned } from '../hub/node/locate.ts';
import type { AnyClassifier, Model } from '../nn/model.ts';
import type { Engine } from '../runtime/engine.ts';
import { chooseEngine, type EngineChoice } from './engines.ts';
import { type LoadedModel, openClassifier, openModel } from './model.ts';

export interface LoadOptions {
  /** PEFT adapter folder or id. */
  readonly adapter?: string;
  /** Bits in which the weights of linear layers are held; as floats unless given. */
  readonly quantization?: QuantizedType;
  /** Whether embeddings and output head are held in as many bits. */
  readonly quantizeEmbeddings?: boolean;
  /** A name, as `--engine`, or an engine that is open already and stays so. */
  readonly engine?: EngineChoice['name'] | Engine;
  readonly threads?: number;
  /** Told of downloads and of what was noticed. */
  readonly emit?: (event: HubEvent) => void;
  readonly signal?: AbortSignal;
}

async function load<M extends Model>(
  name: string,
  { adapter, quantization, quantizeEmbeddings, engine: asked = 'auto', threads, emit = () => {}, signal }: LoadOptions,
  open: (options: {
    model: string;
    adapter: string | undefined;
    quantization: QuantizedType | undefined;
    quantizeEmbeddings: boolean | undefined;
    engine: Engine;
  }) => Promise<LoadedModel<M>>,
): Promise<LoadedModel<M>> {
  const hub = { emit, signal };
  const notice = (message: string): void => emit({ type: 'notice', message });
  const model = pinned(await locateModel(name, hub), name);
  const adapterPath = adapter === undefined ? undefined : pinned(await locateAdapter(adapter, hub), adapter);
  const opened =
    typeof asked === 'string'
      ? await chooseEngine({ name: asked, threads }, notice, signal ? { signal } : {})
      : undefined;
  const engine = opened?.engine ?? (asked as Engine);
  opened?.notices.forEach(notice);
  try {
    const loaded = await open({ model, adapter: adapterPath, quantization, quantizeEmbeddings, engine });
    loaded.notices.forEach(notice);
    const close = async (): Promise<void> => {
      await loaded.close();
      opened?.engine.close();
    };
    return { ...loaded, close };
  } catch (error) {
    opened?.engine.close();
    throw error;
  }
}

/** Loads a language model by hub id, folder or .gguf file, with an adapter on it. Close it when done. */
export const loadModel = (model: string, options: LoadOptions = {}): Promise<LoadedModel> =>
  load(model, options, openModel);

/** Loads a classifier of texts or images. Close it when done. */
export const loadClassifier = (model: string, options: LoadOptions = {}): Promise<LoadedModel<AnyClassifier>> =>
  load(model, options, openClassifier);
