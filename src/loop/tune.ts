import { joinPath, writeFileAtomic } from '../hub/files.ts';
import { type ScratchFile, scratchFile } from '../hub/files-scratch.ts';
import type { Engine } from '../runtime/engine.ts';
import { type Best, type BestWatch, bestWatch } from './best.ts';
import { writeState } from './checkpointState.ts';
import type { TuneConfig } from './config.ts';
import { bestMetric, makeMeasure } from './evaluation.ts';
import type { StopReason, TuneEvent, TuneSummary } from './events.ts';
import { learningOf } from './learning.ts';
import { type HostMemory, type PlannedMemory, type PlannedRun, planMemory } from './memoryPlan.ts';
import { refuseExcess } from './memoryRefusal.ts';
import { readWeights } from './model.ts';
import { modelCard } from './modelCard.ts';
import { openTask } from './openTrained.ts';
import { outcomeOf } from './outcome.ts';
import { planRun } from './plan.ts';
import { planRetention, withSchedule } from './retention.ts';
import { measureDrift, watchRetention } from './retentionWatch.ts';
import type { RunFolder } from './runFolder.ts';
import {
  assertTrained,
  beginRecord,
  countOf,
  lastEvaluation,
  restore,
  type Session,
  takeStep,
  unitsOf,
  warnWithoutGain,
} from './session.ts';
import { planTime } from './timePlan.ts';
import { makeSampler } from './samples.ts';
import { allOf } from './work.ts';

/** What the platform tells of itself. */
export interface Host {
  /** Names and versions of what computes, for the run's record. */
  readonly versions: Readonly<Record<string, string>>;
  /** Peak resident memory of the process so far. */
  readonly peakBytes?: () => number;
  /** Processor time of the process so far, of all its threads. */
  readonly cpuMs?: () => number;
  /** Needed to plan memory, and to refuse what does not fit. */
  readonly memory?: HostMemory;
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
export async function tune(given: TuneConfig, options: TuneOptions): Promise<TuneSummary> {
  const task = await openTask(given, options.engine);
  const { loaded } = task;
  const files: ScratchFile[] = [];
  const scratch = (): ScratchFile => {
    // A dry run has no folder.
    const file = scratchFile(options.dryRun === true ? undefined : options.runFolder.path);
    files.push(file);
    return file;
  };
  try {
    const { attached } = loaded;
    if (!attached) throw new TypeError('Expected something to train but found a frozen model');
    // Begun while the rest is made ready; who waits for it is told what went wrong.
    if (options.dryRun !== true) loaded.checkpoint.fingerprint().catch(() => undefined);
    const plan = await planRun(given, task, scratch);
    const config = withSchedule(given, plan.steps);
    const measuring = await makeMeasure(config, task, plan);
    const sampler = makeSampler(config, task, plan);
    const retention = await planRetention(config, task, plan);
    const learning = learningOf(config, task, plan);
    const answers = [measuring?.answering, sampler?.work].filter((work) => work !== undefined);
    const besides = {
      answers: answers.length > 0 ? allOf(answers) : undefined,
      forgetting: retention && allOf([retention.work.base, retention.work.again]),
    };
    const run = { config, task, attached, updates: learning.updates, plan, engine: loaded.engine, besides };
    const planned = await planOf(run, options);
    await readWeights(loaded, planned?.forms);
    for (const message of loaded.notices) options.emit({ type: 'warning', message });
    const { trainer, experience } = await learning.begin(attached);
    const watch = bestWatch({ ...config.train, metricForBestModel: bestMetric(config, task) });
    return await runPlan({
      ...run,
      memory: planned?.memory,
      trainer,
      experience,
      measuring,
      sampler,
      retention,
      watch,
      options,
    });
  } finally {
    for (const file of files) file.close();
    await loaded.close();
  }
}

/** The plan of memory, where the platform tells of it. Throws RangeError where there is not enough. */
async function planOf(run: PlannedRun, { host }: TuneOptions): Promise<PlannedMemory | undefined> {
  if (!host.memory) return undefined;
  const plan = await planMemory(run, host.memory.residentBytes);
  await refuseExcess(run, plan, host.memory.availableBytes());
  return plan;
}

/** The objects that hold something. */
const filled = <T extends Readonly<Record<string, object>>>(objects: T): Partial<T> =>
  Object.fromEntries(Object.entries(objects).filter(([, object]) => Object.keys(object).length > 0)) as Partial<T>;

const bestOf = (watch: BestWatch): { best?: Best } => {
  const best = watch.best();
  return best ? { best } : {};
};

async function runPlan(session: Session): Promise<TuneSummary> {
  const { config, task, attached, plan, trainer, experience, measuring, sampler, watch, options } = session;
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
    ...(engine.instructionSet === undefined ? {} : { instructionSet: engine.instructionSet }),
    parameters: countOf(loaded.model.parameters),
    trainedParameters: countOf(attached.adapter.parameters),
    ...(restored === undefined ? {} : { resumedFrom: restored }),
  });
  emit({ type: 'preview', summary: plan.summary, notes: plan.notes, example: plan.example });
  const { maxTimeMinutes } = train;
  const time = await planTime(session);
  const foreseen = { ...session.memory, ...time };
  emit({
    type: 'plan',
    steps: plan.steps,
    stepsPerEpoch: plan.stepsPerEpoch,
    ...foreseen,
    ...(maxTimeMinutes === undefined ? {} : { maxTimeMinutes }),
  });
  const outcome = (stopReason: StopReason) => ({
    stopReason,
    step: trainer.step(),
    adapterStep: trainer.step(),
    ...bestOf(watch),
    seconds: (performance.now() - startedAt) / 1000,
    ...memory(),
  });
  if (options.dryRun === true) return { ...outcome('completed'), runFolder: runFolder.path };
  await beginRecord(session, foreseen);
  const retention = await watchRetention(session, restored !== undefined);

  let [saved, written] = [restored, undefined as number | undefined];
  const write = async (): Promise<void> => {
    await attached.files.write(joinPath(runFolder.path, attached.files.folder), { replace: true });
    written = trainer.step();
  };
  const save = async (): Promise<void> => {
    const step = trainer.step();
    const keeping = {
      limit: train.saveTotalLimit,
      always: train.loadBestModelAtEnd ? watch.best()?.step : retention?.within(),
    };
    await assertTrained(session);
    if (saved !== step) {
      const store = (folder: string): Promise<void> => writeState(folder, attached.files, step, unitsOf(session));
      const { path } = await runFolder.saveCheckpoint(step, store, keeping);
      saved = step;
      emit({ type: 'saved', step, path });
    }
    // After a kill the checkpoint may be there, beside older ones, and the result not.
    if (saved === restored && written === undefined) await runFolder.dropOutdated(keeping);
    if (written !== step) await write();
  };
  let evaluated = await lastEvaluation(session);
  const evaluate = async (): Promise<void> => {
    const step = trainer.step();
    if (!measuring || evaluated?.step === step) return;
    const begun = performance.now();
    const measured = await measuring.measure();
    const best = watch.note({ step, ...measured }) ? { best: true } : {};
    const event = { type: 'eval', step, ...measured, ...best, evalMs: performance.now() - begun } as const;
    evaluated = event;
    await runFolder.append(event);
    emit(event);
    if (event.best && train.loadBestModelAtEnd) await save();
  };
  /** What was forgotten so far; weights within a limit have a checkpoint. */
  const measureRetention = async (): Promise<void> => {
    await retention?.measure(trainer.step());
    if (retention?.within() === trainer.step()) await save();
  };
  let lastLoss: number | undefined;
  const step = async (): Promise<void> => {
    const [begun, cpuBegun] = [performance.now(), host.cpuMs?.()];
    const { window, metrics: before } = await experience.next(trainer.step() + 1);
    const { loss, gradNorm, learningRate, tokens = window.tokens, metrics, ...further } = await trainer.run(window);
    lastLoss = loss;
    const event = {
      type: 'step',
      step: trainer.step(),
      epoch: trainer.step() / plan.stepsPerEpoch,
      loss,
      learningRate,
      gradNorm,
      ...filled({ ...further, metrics: { ...before, ...metrics } }),
      tokens: tokens * (task.tokensPerId ?? 1),
      supervisedTokens: window.supervisedTokens,
      stepMs: performance.now() - begun,
      ...(host.cpuMs && cpuBegun !== undefined ? { cpuMs: host.cpuMs() - cpuBegun } : {}),
      ...memory(),
    } as const;
    await runFolder.append(event);
    emit(event);
  };
  /** Why to stop before the next step; undefined to go on. */
  const stopBefore = (): StopReason | undefined => {
    if (trainer.step() >= plan.steps) return plan.limited ? 'max-steps' : 'completed';
    if (watch.exhausted()) return 'early-stopping';
    if (retention?.exceeded() === true) return 'max-forgetting';
    if (signal?.aborted) return 'interrupted';
    const minutes = (performance.now() - startedAt) / 60000;
    return maxTimeMinutes !== undefined && minutes >= maxTimeMinutes ? 'max-time' : undefined;
  };

  const sample = async (step: number): Promise<void> => {
    const samples = await sampler?.sample(step, signal);
    if (!samples) return;
    await runFolder.addSamples(samples);
    emit({ type: 'samples', ...samples });
  };

  const isMeasured = (step: number): boolean => step % (config.forgetting.steps ?? Infinity) === 0;
  if (trainer.step() === 0) {
    await evaluate();
    await sample(0);
  }
  // Also where a run was killed between a step's checkpoint and this.
  if (isMeasured(trainer.step())) await measureRetention();
  let stopReason = stopBefore();
  while (stopReason === undefined) {
    await step();
    if (train.evalSteps !== undefined && trainer.step() % train.evalSteps === 0) await evaluate();
    if (isMeasured(trainer.step())) await measureRetention();
    if (trainer.step() % train.saveSteps === 0) await save();
    stopReason = stopBefore();
  }
  const ended = stopReason !== 'interrupted';
  if (ended) {
    await evaluate();
    await measureRetention();
  }
  await save();
  if (ended) await warnWithoutGain(session);
  let adapterStep = trainer.step();
  if (ended && train.loadBestModelAtEnd) adapterStep = await takeStep(session, watch.best()?.step, write);
  if (ended && retention?.exceeded() === true) adapterStep = await takeStep(session, retention.within(), write);
  if (ended && retention) {
    const drift = await measureDrift(session, adapterStep, await retention.ofOthers(adapterStep));
    await runFolder.append(drift);
    emit(drift);
  }
  if (ended) await sample(adapterStep);
  const done = { ...outcome(stopReason), adapterStep };
  const last = { type: 'done', ...done } as const;
  const metrics = [...(await runFolder.metrics()), last];
  await runFolder.writeReport(metrics);
  const card = { ...(await runFolder.read()), metrics, kind: attached.files.folder };
  const { license } = loaded.checkpoint;
  await writeFileAtomic(
    joinPath(runFolder.path, attached.files.folder, 'README.md'),
    modelCard({ ...card, classifies: task.language === undefined, license }),
  );
  // At the very end: who finds this line takes the run for finished.
  await runFolder.append(last);
  emit(last);
  return {
    ...done,
    runFolder: runFolder.path,
    outcome: outcomeOf(metrics, adapterStep),
    ...(lastLoss === undefined ? {} : { loss: lastLoss }),
    ...(evaluated?.evalLoss === undefined ? {} : { evalLoss: evaluated.evalLoss }),
    ...(evaluated?.reward === undefined ? {} : { reward: evaluated.reward }),
  };
}
