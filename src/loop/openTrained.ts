import type { PeftLoraConfig } from '../hub/peft.ts';
import type { Engine } from '../runtime/engine.ts';
import { sft } from '../objectives/sft.ts';
import { classifierTask } from './classifierTask.ts';
import type { TuneConfig } from './config.ts';
import { kindOfModel, openClassifier, openModel, type OpenModelOptions } from './model.ts';
import { languageTask, type Task } from './task.ts';

type AdapterConfig = TuneConfig['adapter'];
type Of<T extends AdapterConfig['type']> = Extract<AdapterConfig, { type: T }>;
type Opening = Pick<OpenModelOptions, 'adapter' | 'newAdapter' | 'base'>;

interface AdapterType<T extends AdapterConfig['type']> {
  readonly opening: (config: Of<T>, seed: number) => Opening;
  /** Folder of the adapter that training starts from. */
  readonly init: (config: Of<T>) => string | undefined;
}

const loraConfigOf = ({
  r,
  alpha,
  dropout,
  useRslora,
  targetModules,
  rankPattern,
  alphaPattern,
}: Of<'lora'>): PeftLoraConfig => ({
  r,
  loraAlpha: alpha,
  loraDropout: dropout,
  useRslora,
  targetModules,
  rankPattern,
  alphaPattern,
  initLoraWeights: true,
});

const adapterTypes: { readonly [T in AdapterConfig['type']]: AdapterType<T> } = {
  lora: {
    opening: (config, seed) =>
      config.init === undefined ? { newAdapter: { config: loraConfigOf(config), seed } } : { adapter: config.init },
    init: ({ init }) => init,
  },
  none: { opening: () => ({ base: 'trained' }), init: () => undefined },
};

const typeOf = <T extends AdapterConfig['type']>(config: Of<T>): AdapterType<T> => adapterTypes[config.type];

/** The PEFT folder that a run's adapter starts from, where it does. */
export function initialAdapterOf({ adapter }: TuneConfig): string | undefined {
  return typeOf(adapter).init(adapter);
}

/** How the model of a run is opened, with what is to be trained on it. */
export function openingOf({ model, adapter, train }: TuneConfig, engine: Engine): OpenModelOptions {
  return { model: model.path, engine, ...typeOf(adapter).opening(adapter, train.seed) };
}

/** Opens the model of a run with what is to be trained on it, as the task that the model is for. */
export async function openTask(config: TuneConfig, engine: Engine): Promise<Task> {
  const { model, data } = config;
  const options = openingOf(config, engine);
  if ((await kindOfModel(model.path)) === 'language') return languageTask(await openModel(options), sft, data);
  return classifierTask(await openClassifier(options), data);
}
