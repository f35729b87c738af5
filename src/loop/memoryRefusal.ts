import { type MemoryPlan, memoryWords, type PlannedRun, planValues } from './memoryPlan.ts';
import { formatBytes } from './units.ts';

/** A change of the config that needs less memory. */
interface Change {
  readonly words: string;
  readonly run: PlannedRun;
}

function changed(run: PlannedRun, { batch, checkpointing }: { batch: number; checkpointing: boolean }): Change {
  const { config, plan } = run;
  const { train } = config;
  const steps = Math.ceil((train.gradientAccumulationSteps * train.batchSize) / batch);
  const smaller = batch < train.batchSize;
  const words = [
    ...(checkpointing && !train.gradientCheckpointing ? ['train.gradientCheckpointing true'] : []),
    ...(smaller ? [`train.batchSize ${batch} and train.gradientAccumulationSteps ${steps}`] : []),
  ];
  const changes = {
    gradientCheckpointing: checkpointing,
    ...(smaller ? { batchSize: batch, gradientAccumulationSteps: steps } : {}),
  };
  const shape = <S extends { readonly batch: number }>(own: S): S => ({ ...own, batch: Math.min(batch, own.batch) });
  return {
    words: words.join(' with '),
    run: {
      ...run,
      config: { ...config, train: { ...train, ...changes } },
      plan: {
        trainShape: shape(plan.trainShape),
        evalShape: plan.evalShape && shape(plan.evalShape),
        ...(plan.answerShape && { answerShape: shape(plan.answerShape) }),
      },
    },
  };
}

/** The first change that keeps values within `room`, with what they take. */
async function firstFitting(
  candidates: Iterable<Change>,
  room: number,
): Promise<(Change & { bytes: number }) | undefined> {
  for (const change of candidates) {
    const { train, evaluation = 0 } = await planValues(change.run);
    const bytes = Math.max(train, evaluation);
    if (bytes <= room) return { ...change, bytes };
  }
  return undefined;
}

/** What would fit: checkpointing, else the largest smaller batch, else both. */
async function fittingChanges(run: PlannedRun, room: number): Promise<(Change & { bytes: number })[]> {
  const { gradientCheckpointing } = run.config.train;
  const { batch } = run.plan.trainShape;
  const halves = function* (checkpointing: boolean): Generator<Change> {
    for (let smaller = Math.floor(batch / 2); smaller >= 1; smaller = Math.floor(smaller / 2))
      yield changed(run, { batch: smaller, checkpointing });
  };
  const again = gradientCheckpointing ? [] : [changed(run, { batch, checkpointing: true })];
  const alone = [await firstFitting(again, room), await firstFitting(halves(gradientCheckpointing), room)];
  const found = alone.flatMap((change) => change ?? []);
  if (found.length > 0 || gradientCheckpointing) return found;
  const both = await firstFitting(halves(true), room);
  return both ? [both] : [];
}

/** Throws RangeError with the plan, and with changes that fit, where a run needs more memory than there is. */
export async function refuseExcess(run: PlannedRun, plan: MemoryPlan, availableBytes: number): Promise<void> {
  const { parts, trainBytes, evalBytes = 0 } = plan;
  const { presentBytes, weightBytes, stateBytes } = parts;
  const limit = presentBytes + availableBytes;
  const most = Math.max(trainBytes, evalBytes);
  if (most <= limit || run.config.train.allowMemoryExcess) return;
  const common = presentBytes + weightBytes + stateBytes;
  const { batch, length } = trainBytes >= evalBytes ? run.plan.trainShape : (run.plan.evalShape ?? run.plan.trainShape);
  const whole = `${memoryWords({ ...parts, valueBytes: most - common })} for ${batch} x ${length} tokens`;
  const fitting = await fittingChanges(run, limit - common);
  const advice = [
    ...fitting.map(({ words, bytes }) => `${words} (${formatBytes(common + bytes)})`),
    'a smaller data.maxLength',
    ...(fitting.length > 0 ? [] : ['a smaller model']),
  ];
  throw new RangeError(
    `Expected a run within the ${formatBytes(limit)} of memory that there are but ${formatBytes(most)} are planned: ${whole}. Take ${advice.join(', or ')}; train.allowMemoryExcess starts it as it is`,
  );
}
