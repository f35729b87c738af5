import { mergedWeights, openMergedWeights, plainWeights } from '../adapters/mergedWeights.ts';
import { joinPath } from '../hub/files.ts';
import { weightDistances } from '../probes/weightDistance.ts';
import type { DriftEvent, ForgettingEvent } from './events.ts';
import { initialAdapterOf } from './openTrained.ts';
import { retentionBase, retentionOf } from './retention.ts';
import { writeBase } from './retentionBase.ts';
import type { Session } from './session.ts';

/** Measures on schedule what a run forgets, and watches the limit. */
export interface RetentionWatch {
  /** Measures the model after this step and records it, unless that is known. */
  measure(step: number): Promise<void>;
  /** Figures of the model that the run ends with, the weights of this step: undefined where they are recorded. */
  ofOthers(step: number): Promise<ForgettingEvent | undefined>;
  /** The last measured step that kept within the limit; undefined without a limit or such a step. */
  within(): number | undefined;
  /** Whether the last measurement is past the limit. */
  exceeded(): boolean;
}

/** Undefined where nothing is to be measured. */
export async function watchRetention(session: Session, restored: boolean): Promise<RetentionWatch | undefined> {
  const { config, retention: plan, options } = session;
  const { runFolder, emit } = options;
  const { max } = config.forgetting;
  if (!plan) return undefined;
  const begun = performance.now();
  const base = await retentionBase(plan, restored ? runFolder.path : undefined);
  const baseMs = performance.now() - begun;
  if (!base) {
    const message = `${runFolder.path}: base.json is not there or broken, so what the run forgets is no longer measured`;
    if (max !== undefined) throw new Error(message);
    emit({ type: 'warning', message });
    return undefined;
  }
  if (!restored) await writeBase(runFolder.path, base);
  const retention = retentionOf(plan.loaded, base, { startsAsBase: initialAdapterOf(config) === undefined });
  const known = (await runFolder.metrics()).filter((line): line is ForgettingEvent => line.type === 'forgetting');
  const keeps = ({ forgetting }: ForgettingEvent): boolean => max !== undefined && forgetting.value <= max;
  let last = known.at(-1);
  let within = known.findLast(keeps)?.step;
  const steps = new Set(known.map(({ step }) => step));
  return {
    async measure(step) {
      if (steps.has(step)) return;
      steps.add(step);
      last = await retention(step);
      // Of the first one, the base's figures are most of the work.
      if (step === 0) last = { ...last, measureMs: last.measureMs + baseMs };
      if (keeps(last)) within = step;
      await runFolder.append(last);
      emit(last);
    },
    ofOthers: async (step) => (steps.has(step) ? undefined : retention(step)),
    within: () => within,
    exceeded: () => max !== undefined && last !== undefined && !keeps(last),
  };
}

/** How far the weights in the run's folder are from those that it started from. */
export async function measureDrift(
  { task, attached, options }: Session,
  step: number,
  kept: ForgettingEvent | undefined,
): Promise<DriftEvent> {
  const begun = performance.now();
  const { runFolder, signal } = options;
  const { adapter, files } = attached;
  const event = (found: Pick<DriftEvent, 'distance' | 'layers' | 'unknown'>): DriftEvent => ({
    type: 'drift',
    step,
    ...found,
    ...(kept ? { kept } : {}),
    measureMs: performance.now() - begun,
  });
  if (files.folder === 'adapter' && 'cannot' in adapter.merges)
    return event({ unknown: `the adapter does not go into the weights: ${adapter.merges.cannot}` });
  const path = joinPath(runFolder.path, files.folder);
  const { checkpoint } = task.loaded;
  const before = plainWeights(checkpoint);
  const after =
    files.folder === 'adapter' ? await mergedWeights(checkpoint, path) : await openMergedWeights({ model: path });
  try {
    const { value, places } = await weightDistances({ before, after }, signal ? { signal } : {});
    const layers = Object.fromEntries(
      Object.entries(places).map(([name, { distance }]) => [name, Number(distance ?? Number.NaN)]),
    );
    return event({ distance: value, layers });
  } finally {
    await after.close();
  }
}
