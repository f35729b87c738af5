import { joinPath } from '../hub/files.ts';
import { named } from '../ir/errors.ts';
import { sizeOf } from '../ir/types.ts';
import type { ParameterSpec } from '../nn/model.ts';
import { assertFinite } from '../runtime/weightValues.ts';
import type { BestWatch } from './best.ts';
import { readState } from './checkpointState.ts';
import type { TuneConfig } from './config.ts';
import type { Measuring } from './evaluation.ts';
import type { Experience } from './experience.ts';
import type { EvalEvent } from './events.ts';
import { engineRecord, engineText } from './engines.ts';
import { assertUnchanged, fingerprintsOf } from './fingerprints.ts';
import type { MemoryPlan } from './memoryPlan.ts';
import type { AttachedAdapter } from './model.ts';
import type { RunPlan } from './plan.ts';
import type { RetentionPlan } from './retention.ts';
import type { Sampler } from './samples.ts';
import type { Stateful } from './stateful.ts';
import type { RunTask } from './task.ts';
import type { TimePlan } from './timePlan.ts';
import type { Trainer } from './trainer.ts';
import type { TuneOptions } from './tune.ts';

/** All that one run of a config goes by. */
export interface Session {
  readonly config: TuneConfig;
  readonly task: RunTask;
  readonly attached: AttachedAdapter;
  readonly plan: RunPlan;
  readonly memory: MemoryPlan | undefined;
  readonly trainer: Trainer;
  readonly experience: Experience;
  readonly measuring: Measuring | undefined;
  readonly sampler: Sampler | undefined;
  readonly retention: RetentionPlan | undefined;
  readonly watch: BestWatch;
  readonly options: TuneOptions;
}

export const countOf = (parameters: readonly Pick<ParameterSpec, 'shape'>[]): number =>
  parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** What changes while the run goes on, beside the trained values. */
export function unitsOf({ trainer, experience, plan: { cursor }, watch }: Session): Stateful[] {
  const place: Stateful = {
    name: 'data',
    version: 1,
    save: async () => ({ data: cursor.save() }),
    load: async ({ data }) => cursor.load(data),
  };
  return [...trainer.units, ...experience.units, place, watch];
}

/** Throws RangeError naming step and tensor where the last update left something NaN or infinite: it must not be saved. */
export async function assertTrained({ attached, trainer }: Session): Promise<void> {
  for (const { name, f32 } of attached.weights.members) {
    const values = await f32();
    named(`step ${trainer.step()}`, () => assertFinite(name, values));
  }
}

/** Takes up the last whole checkpoint, where the run is resumed and has one. */
export async function restore(session: Session): Promise<number | undefined> {
  const { attached, watch, options } = session;
  if (options.resume !== true) return undefined;
  const { good, damaged } = await options.runFolder.latestCheckpoint();
  for (const { step, reason } of damaged) {
    options.emit({ type: 'warning', message: `checkpoint of step ${step} is passed over: ${reason}` });
  }
  if (!good) return undefined;
  await readState(good.path, attached.files, unitsOf(session));
  // Who extends a run that stopped early wants it to go on.
  if ((await options.runFolder.finished())?.stopReason === 'early-stopping') watch.rest();
  return good.step;
}

/** Writes config.json of a new run; on a resumed one checks that it reads what it was started with. */
export async function beginRecord(
  { config, task: { loaded, lossPer }, attached, plan, trainer, options }: Session,
  foreseen: Partial<MemoryPlan & TimePlan>,
): Promise<void> {
  const { runFolder, engine, host } = options;
  const fingerprints = await fingerprintsOf(config, loaded);
  if (options.resume === true) {
    const { run } = await runFolder.read();
    assertUnchanged(fingerprints, run.fingerprints, config);
    const [before, now] = [engineText(run.engine), engineText(engineRecord(engine))];
    if (before !== now)
      options.emit({
        type: 'warning',
        message: `the run began on ${before} and goes on on ${now}: its numbers will differ in rounding from those of a run that never stopped`,
      });
    return runFolder.rewindMetrics(trainer.step());
  }
  const { threads } = config.engine;
  return runFolder.start(config, {
    startedAt: new Date().toISOString(),
    versions: host.versions,
    fingerprints,
    engine: { ...engineRecord(engine), ...(threads === undefined ? {} : { threads }) },
    parameters: { all: countOf(loaded.model.parameters), trained: countOf(attached.adapter.parameters) },
    preview: { notes: plan.notes, example: plan.example },
    ...(lossPer === undefined ? {} : { lossPer }),
    plan: foreseen,
  });
}

/** Puts the weights of a step that has a checkpoint where the run's result lies; gives the step whose weights lie there then. */
export async function takeStep(
  { attached, trainer, options: { runFolder, emit } }: Session,
  step: number | undefined,
  write: () => Promise<void>,
): Promise<number> {
  if (step === undefined) return trainer.step();
  if (step === trainer.step()) return step;
  try {
    const { path } = await runFolder.checkpointOf(step);
    await attached.files.read(joinPath(path, attached.files.folder));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    emit({
      type: 'warning',
      message: `the weights of step ${trainer.step()} stay, not those of step ${step}: ${reason}`,
    });
    return trainer.step();
  }
  await write();
  return step;
}

/** The last evaluation that the run's folder tells of; those that the last checkpoint does not know of are taken up. */
export async function lastEvaluation({ watch, options: { runFolder } }: Session): Promise<EvalEvent | undefined> {
  const evaluations = (await runFolder.metrics()).filter((line) => line.type === 'eval');
  for (const event of evaluations) watch.note(event);
  return evaluations.at(-1);
}

/** Says so where no evaluation was better than the one before the first step. */
export async function warnWithoutGain({ watch, options: { runFolder, emit } }: Session): Promise<void> {
  const start = (await runFolder.metrics()).find((line) => line.type === 'eval' && line.step === 0);
  const best = watch.best();
  if (start?.type !== 'eval' || !best || (watch.gainOver(start) ?? 1) > 0) return;
  emit({
    type: 'warning',
    message: `no evaluation was better than the one before the first step (${best.metric} ${start[best.metric]}, at best ${best.value} after step ${best.step})`,
  });
}
