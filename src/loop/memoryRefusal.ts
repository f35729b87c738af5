import { memoryWords, peakOf, type PlannedMemory, type PlannedRun, planValues, type RunValues } from './memoryPlan.ts';
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

/** Memory that values may take, and those that stay whatever is changed. */
interface Room {
  readonly room: number;
  readonly values: RunValues;
}

/** The first change that keeps values within `room`, with what they take. */
async function firstFitting(
  candidates: Iterable<Change>,
  { room, values }: Room,
): Promise<(Change & { bytes: number }) | undefined> {
  for (const change of candidates) {
    const bytes = peakOf(await planValues(change.run, values));
    if (bytes <= room) return { ...change, bytes };
  }
  return undefined;
}

/** What would fit: checkpointing, else the largest smaller batch, else both. */
async function fittingChanges(run: PlannedRun, room: Room): Promise<(Change & { bytes: number })[]> {
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

/** What can be left out so that the rest fits. */
function fittingOmissions({ config }: PlannedRun, { room, values }: Room): { words: string; bytes: number }[] {
  const without = [
    { words: 'forgetting.measure false', values: { ...values, forgetting: undefined } },
    {
      words: `samples.prompts 0${config.reward.path === undefined ? '' : ' and no reward.path'}`,
      values: { ...values, answers: undefined },
    },
  ];
  return without
    .map(({ words, values: rest }) => ({ words, bytes: peakOf(rest) }))
    .filter(({ bytes }) => bytes <= room);
}

/** Throws RangeError with the plan, and with changes that fit, where a run needs more memory than there is. */
export async function refuseExcess(
  run: PlannedRun,
  { memory, values }: PlannedMemory,
  availableBytes: number,
): Promise<void> {
  const { parts, peakBytes } = memory;
  const { presentBytes, growthBytes, weightBytes, stateBytes } = parts;
  const limit = presentBytes + availableBytes;
  if (peakBytes <= limit || run.config.train.allowMemoryExcess) return;
  const common = presentBytes + growthBytes + weightBytes + stateBytes;
  const { trainShape, evalShape = trainShape } = run.plan;
  const trains = values.train.sharedBytes >= (values.evaluation?.sharedBytes ?? 0);
  const { batch, length } = trains ? trainShape : evalShape;
  const whole = `${memoryWords({ ...parts, valueBytes: peakBytes - common })} for ${batch} x ${length} tokens`;
  const room = { room: limit - common, values };
  const fitting = [...fittingOmissions(run, room), ...(await fittingChanges(run, room))];
  const advice = [
    ...fitting.map(({ words, bytes }) => `${words} (${formatBytes(common + bytes)})`),
    'a smaller data.maxLength',
    ...(fitting.length > 0 ? [] : ['a smaller model']),
  ];
  throw new RangeError(
    `Expected a run within the ${formatBytes(limit)} of memory that there are but ${formatBytes(peakBytes)} are planned: ${whole}. Take ${advice.join(', or ')}; train.allowMemoryExcess starts it as it is`,
  );
}
