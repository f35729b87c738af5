import { joinPath } from '../hub/files.ts';
import { type ScratchFile, scratchFile } from '../hub/files-scratch.ts';
import { sizeOf } from '../ir/types.ts';
import { makeOptimizer } from '../optimizers/index.ts';
import type { ParameterSpec } from '../nn/model.ts';
import type { Engine } from '../runtime/engine.ts';
import { readState, writeState } from './checkpointState.ts';
import type { TuneConfig } from './config.ts';
import type { StopReason, TuneEvent, TuneSummary } from './events.ts';
import { assertUnchanged, fingerprintsOf } from './fingerprints.ts';
import { type AttachedAdapter, readWeights } from './model.ts';
import { openTask } from './openTrained.ts';
import { planRun, type RunPlan } from './plan.ts';
import type { RunFolder } from './runFolder.ts';
import type { Stateful } from './stateful.ts';
import type { Task } from './task.ts';
import { makeTrainer, type Trainer } from './trainer.ts';

/** What the platform tells of itself. */
export interface Host {
  /** Names and versions of what computes, for the run's record. */
  readonly versions: Readonly<Record<string, string>>;
  /** Peak resident memory of the process so far. */
  readonly peakBytes?: () => number;
}

export interface TuneOptions {
  readonly runFolder: RunFolder;
  readonly engine: Engine;
  readonly host: Host;
  readonly emit: (event: TuneEvent) => void;
  /** Stops after the step under way and saves. */
  readonly signal?: AbortSignal;
  /** Goes on from the last whole checkpoint. */
  readonly resume?: boolean;
  /** All checks and plans, no step, nothing written. */
  readonly dryRun?: boolean;
}

/** Trains as the config says, into a run folder. Throws on data with nothing supervised and on NaN, naming the step. */
export async function tune(config: TuneConfig, options: TuneOptions): Promise<TuneSummary> {
  const task = await openTask(config, options.engine);
  const { loaded } = task;
  const files: ScratchFile[] = [];
  const scratch = (): ScratchFile => {
    const file = scratchFile(options.runFolder.path);
    files.push(file);
    return file;
  };
  try {
    const { attached } = loaded;
    if (!attached) throw new TypeError('Expected something to train but found a frozen model');
    const plan = await planRun(config, task, options.dryRun === true ? undefined : scratch);
    await readWeights(loaded);
    for (const message of loaded.notices) options.emit({ type: 'warning', message });
    const trainer = await makeTrainer(loaded, {
      attached,
      updates: [
        {
          name: config.objective.type,
          task,
          optimizer: makeOptimizer(config.optimizer),
          learningRate: plan.learningRateAt,
        },
      ],
      seed: config.train.seed,
      recompute: config.train.gradientCheckpointing,
    });
    return await runPlan({ config, task, attached, plan, trainer, options });
  } finally {
    for (const file of files) file.close();
    await loaded.close();
  }
}

interface Session {
  readonly config: TuneConfig;
  readonly task: Task;
  readonly attached: AttachedAdapter;
  readonly plan: RunPlan;
  readonly trainer: Trainer;
  readonly options: TuneOptions;
}

const countOf = (parameters: readonly Pick<ParameterSpec, 'shape'>[]): number =>
  parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** What changes while the run goes on, beside the trained values. */
function unitsOf(trainer: Trainer, { cursor }: RunPlan): Stateful[] {
  const place: Stateful = {
    name: 'data',
    version: 1,
    save: async () => ({ data: cursor.save() }),
    load: async ({ data }) => cursor.load(data),
  };
  return [...trainer.units, place];
}

/** The objects that hold something. */
const filled = <T extends Readonly<Record<string, object>>>(objects: T): Partial<T> =>
  Object.fromEntries(Object.entries(objects).filter(([, object]) => Object.keys(object).length > 0)) as Partial<T>;

/** Takes up the last whole checkpoint, where the run is resumed and has one. */
async function restore({ attached, plan, trainer, options }: Session): Promise<number | undefined> {
  if (options.resume !== true) return undefined;
  const { good, damaged } = await options.runFolder.latestCheckpoint();
  for (const { step, reason } of damaged) {
    options.emit({ type: 'warning', message: `checkpoint of step ${step} is passed over: ${reason}` });
  }
  if (!good) return undefined;
  await readState(good.path, attached.files, unitsOf(trainer, plan));
  return good.step;
}

/** Writes config.json of a new run; on a resumed one checks that it reads what it was started with. */
async function beginRecord({ config, task: { loaded }, attached, plan, trainer, options }: Session): Promise<void> {
  const { runFolder, engine, host } = options;
  const fingerprints = await fingerprintsOf(config, loaded);
  if (options.resume === true) {
    assertUnchanged(fingerprints, (await runFolder.read()).run.fingerprints, config);
    return runFolder.rewindMetrics(trainer.step());
  }
  const { threads } = config.engine;
  return runFolder.start(config, {
    versions: host.versions,
    fingerprints,
    engine: { name: engine.name, precision: engine.precision, ...(threads === undefined ? {} : { threads }) },
    parameters: { all: countOf(loaded.model.parameters), trained: countOf(attached.adapter.parameters) },
    preview: { notes: plan.notes, example: plan.example },
  });
}

async function runPlan(session: Session): Promise<TuneSummary> {
  const { config, task, attached, plan, trainer, options } = session;
  const { loaded } = task;
  const { runFolder, engine, host, emit, signal } = options;
  const { train } = config;
  const startedAt = performance.now();
  const memory = () => (host.peakBytes ? { peakBytes: host.peakBytes() } : {});
  const restored = await restore(session);
  emit({
    type: 'started',
    engine: engine.name,
    precision: engine.precision,
    parameters: countOf(loaded.model.parameters),
    trainedParameters: countOf(attached.adapter.parameters),
    ...(restored === undefined ? {} : { resumedFrom: restored }),
  });
  emit({ type: 'preview', summary: plan.summary, notes: plan.notes, example: plan.example });
  const { maxTimeMinutes } = train;
  emit({
    type: 'plan',
    steps: plan.steps,
    stepsPerEpoch: plan.stepsPerEpoch,
    ...(maxTimeMinutes === undefined ? {} : { maxTimeMinutes }),
  });
  const outcome = (stopReason: StopReason) => ({
    stopReason,
    step: trainer.step(),
    adapterStep: trainer.step(),
    seconds: (performance.now() - startedAt) / 1000,
    ...memory(),
  });
  if (options.dryRun === true) return { ...outcome('completed'), runFolder: runFolder.path };
  await beginRecord(session);

  let saved = restored;
  const save = async (): Promise<void> => {
    const step = trainer.step();
    if (saved === step) return;
    const { path } = await runFolder.saveCheckpoint(
      step,
      (folder) => writeState(folder, attached.files, step, unitsOf(trainer, plan)),
      train.saveTotalLimit,
    );
    await attached.files.write(joinPath(runFolder.path, attached.files.folder), { replace: true });
    saved = step;
    emit({ type: 'saved', step, path });
  };
  let evaluated: { readonly step: number; readonly evalLoss: number } | undefined;
  const evaluate = async (): Promise<void> => {
    if (!plan.evaluation || evaluated?.step === trainer.step()) return;
    const begun = performance.now();
    const { loss, ...measured } = await task.evaluate(plan.evaluation());
    evaluated = { step: trainer.step(), evalLoss: loss };
    const event = { type: 'eval', ...evaluated, ...measured, evalMs: performance.now() - begun } as const;
    await runFolder.append(event);
    emit(event);
  };
  let lastLoss: number | undefined;
  const step = async (): Promise<void> => {
    const begun = performance.now();
    const window = plan.windowOf(trainer.step() + 1);
    const { loss, gradNorm, learningRate, ...further } = await trainer.run(window);
    lastLoss = loss;
    const event = {
      type: 'step',
      step: trainer.step(),
      epoch: trainer.step() / plan.stepsPerEpoch,
      loss,
      learningRate,
      gradNorm,
      ...filled(further),
      tokens: window.tokens,
      supervisedTokens: window.supervisedTokens,
      stepMs: performance.now() - begun,
      ...memory(),
    } as const;
    await runFolder.append(event);
    emit(event);
  };
  /** Why to stop before the next step; undefined to go on. */
  const stopBefore = (): StopReason | undefined => {
    if (trainer.step() >= plan.steps) return plan.limited ? 'max-steps' : 'completed';
    if (signal?.aborted) return 'interrupted';
    const minutes = (performance.now() - startedAt) / 60000;
    return maxTimeMinutes !== undefined && minutes >= maxTimeMinutes ? 'max-time' : undefined;
  };

  if (trainer.step() === 0) await evaluate();
  let stopReason = stopBefore();
  while (stopReason === undefined) {
    await step();
    if (train.evalSteps !== undefined && trainer.step() % train.evalSteps === 0) await evaluate();
    if (trainer.step() % train.saveSteps === 0) await save();
    stopReason = stopBefore();
  }
  if (stopReason !== 'interrupted') await evaluate();
  await save();
  const done = outcome(stopReason);
  await runFolder.append({ type: 'done', ...done });
  await runFolder.writeReport();
  emit({ type: 'done', ...done });
  return {
    ...done,
    runFolder: runFolder.path,
    ...(lastLoss === undefined ? {} : { loss: lastLoss }),
    ...(evaluated ? { evalLoss: evaluated.evalLoss } : {}),
  };
}
