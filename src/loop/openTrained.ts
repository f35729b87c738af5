import { makeAdapter } from '../adapters/index.ts';
import type { TaskModel } from '../nn/model.ts';
import { makeObjective } from '../objectives/index.ts';
import { isAnswering } from '../objectives/objective.ts';
import type { Engine } from '../runtime/engine.ts';
import { classifierTask } from './classifierTask.ts';
import type { TuneConfig } from './config.ts';
import { kindOfModel, openClassifier, type LoadedModel, openModel, type OpenModelOptions } from './model.ts';
import { preferenceTask } from './preferenceTask.ts';
import { promptTask } from './promptTask.ts';
import { languageTask, type RunTask } from './task.ts';

/** The PEFT folder that a run's adapter starts from, where it does. */
export function initialAdapterOf({ adapter }: Pick<TuneConfig, 'adapter'>): string | undefined {
  return 'init' in adapter ? adapter.init : undefined;
}

/** How the model of a run is opened, with what is to be trained on it. */
export function openingOf<M extends TaskModel>(
  { model, adapter, train }: TuneConfig,
  engine: Engine,
): OpenModelOptions<M> {
  const initial = initialAdapterOf({ adapter });
  return {
    model: model.path,
    engine,
    ...(model.quantization === 'none' ? {} : { quantization: model.quantization }),
    ...(initial === undefined
      ? { newAdapter: { make: (made) => makeAdapter(adapter, made), seed: train.seed } }
      : { adapter: initial }),
  };
}

/** A task on an opened model, which is closed where the options do not fit it. */
async function taskOn<M extends TaskModel>(
  loaded: LoadedModel<M>,
  make: (loaded: LoadedModel<M>) => RunTask,
): Promise<RunTask> {
  try {
    return make(loaded);
  } catch (error) {
    await loaded.close();
    throw error;
  }
}

/** Opens the model of a run with what is to be trained on it, as the task that the model is for. */
export async function openTask(config: TuneConfig, engine: Engine): Promise<RunTask> {
  const { model, data, dataStep, objective } = config;
  if ((await kindOfModel(model.path)) === 'language')
    return taskOn(await openModel(openingOf(config, engine)), (loaded) => {
      const made = makeObjective(objective);
      if (isAnswering(made)) return promptTask(loaded, made, config);
      if (made.reduction !== 'pair') return languageTask(loaded, made, data);
      if (dataStep.type !== 'none')
        throw new TypeError(`dataStep.type: expected none beside ${made.type} but found ${dataStep.type}`);
      return preferenceTask(loaded, made, data);
    });
  for (const [field, { type }, expected] of [
    ['objective', objective, 'sft'],
    ['dataStep', dataStep, 'none'],
  ] as const) {
    if (type !== expected)
      throw new TypeError(
        `${field}.type: expected ${expected} for the classifier ${model.path} but found ${type}, which is for tokens`,
      );
  }
  return taskOn(await openClassifier(openingOf(config, engine)), (loaded) =>
    classifierTask(loaded, data, objective.type === 'sft' ? objective : {}),
  );
}
