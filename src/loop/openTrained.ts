import { makeAdapter, makeAdapterOnAny } from '../adapters/index.ts';
import { makeObjective } from '../objectives/index.ts';
import type { Engine } from '../runtime/engine.ts';
import { classifierTask } from './classifierTask.ts';
import type { TuneConfig } from './config.ts';
import { kindOfModel, openClassifier, openModel, type OpenModelOptions } from './model.ts';
import { languageTask, type Task } from './task.ts';

/** The PEFT folder that a run's adapter starts from, where it does. */
export function initialAdapterOf({ adapter }: Pick<TuneConfig, 'adapter'>): string | undefined {
  return 'init' in adapter ? adapter.init : undefined;
}

/** How the model of a run is opened, with what is to be trained on it. */
export function openingOf({ model, adapter, train }: TuneConfig, engine: Engine): OpenModelOptions {
  const initial = initialAdapterOf({ adapter });
  return {
    model: model.path,
    engine,
    ...(initial === undefined
      ? { newAdapter: { make: (language) => makeAdapter(adapter, language), seed: train.seed } }
      : { adapter: initial }),
  };
}

/** Opens the model of a run with what is to be trained on it, as the task that the model is for. */
export async function openTask(config: TuneConfig, engine: Engine): Promise<Task> {
  const { model, data, dataStep, adapter, objective, train } = config;
  if ((await kindOfModel(model.path)) === 'language')
    return languageTask(await openModel(openingOf(config, engine)), makeObjective(objective), data);
  for (const [field, { type }, expected] of [
    ['objective', objective, 'sft'],
    ['dataStep', dataStep, 'none'],
  ] as const) {
    if (type !== expected)
      throw new TypeError(
        `${field}.type: expected ${expected} for the classifier ${model.path} but found ${type}, which is for tokens`,
      );
  }
  const classifier = await openClassifier({
    model: model.path,
    adapter: initialAdapterOf(config),
    engine,
    newAdapter: { make: (any) => makeAdapterOnAny(adapter, any), seed: train.seed },
  });
  return classifierTask(classifier, data);
}
