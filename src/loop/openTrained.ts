import { makeAdapter } from '../adapters/index.ts';
import { makeDataStep } from '../data/dataSteps.ts';
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

/** Refuses what changes tokens where none are learned one by one. */
function refuseDataStep(dataStep: TuneConfig['dataStep'], beside: string): void {
  if (makeDataStep(dataStep))
    throw new TypeError(
      `dataStep.type: expected none beside ${beside} but found ${dataStep.type}, which is for tokens`,
    );
}

/** Opens the model of a run with what is to be trained on it, as the task that the model is for. */
export async function openTask(config: TuneConfig, engine: Engine): Promise<RunTask> {
  const { model, data, dataStep } = config;
  const objective = makeObjective(config.objective);
  if ((await kindOfModel(model.path)) === 'language')
    return taskOn(await openModel(openingOf(config, engine)), (loaded) => {
      if (isAnswering(objective)) return promptTask(loaded, objective, config);
      if (objective.reduction !== 'pair') return languageTask(loaded, objective, data);
      refuseDataStep(dataStep, objective.type);
      return preferenceTask(loaded, objective, data);
    });
  const labelSmoothing = 'labelSmoothing' in objective ? objective.labelSmoothing : undefined;
  if (labelSmoothing === undefined)
    throw new TypeError(
      `objective.type: expected one of labels, such as sft, for the classifier ${model.path} but found ${objective.type}, which is for tokens`,
    );
  refuseDataStep(dataStep, `the classifier ${model.path}`);
  return taskOn(await openClassifier(openingOf(config, engine)), (loaded) =>
    classifierTask(loaded, data, labelSmoothing),
  );
}
