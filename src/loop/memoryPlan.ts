import type { Graph } from '../ir/graph.ts';
import { sizeOf } from '../ir/types.ts';
import type { Engine, ProgramMemory } from '../runtime/engine.ts';
import { formOf, type WeightForm, type WeightForms } from '../runtime/weights.ts';
import type { TuneConfig } from './config.ts';
import { decodingWork } from './decoding.ts';
import type { RunPlan } from './plan.ts';
import { layUpdate } from './preparedUpdate.ts';
import type { AdapterWeights } from './readyModel.ts';
import type { RunTask } from './task.ts';
import { formatBytes } from './units.ts';
import type { Update } from './update.ts';
import type { Work } from './work.ts';

/** Memory that a run will take at its peaks, known before weights are read. */
export interface MemoryPlan {
  /** The peak of resident memory over the whole run: values of the largest program stay reserved beside what others hold. */
  readonly peakBytes: number;
  /** What training takes by itself, and what comes between its steps: evaluations, answers, measuring what is forgotten. */
  readonly trainBytes: number;
  readonly evalBytes?: number;
  readonly answerBytes?: number;
  readonly forgettingBytes?: number;
  /** What the peak of training consists of. */
  readonly parts: MemoryParts;
}

export interface MemoryParts {
  /** The process as it is: program, data, adapter. */
  readonly presentBytes: number;
  /** Code and heap that the program itself grows by while it runs. */
  readonly growthBytes: number;
  /** Frozen weights that are still to be read. */
  readonly weightBytes: number;
  /** Gradients and the optimizer's state. */
  readonly stateBytes: number;
  /** Values of the largest micro-batch, and what its programs hold. */
  readonly valueBytes: number;
}

/** What a peak consists of, in words. */
export const memoryWords = ({ presentBytes, growthBytes, weightBytes, stateBytes, valueBytes }: MemoryParts): string =>
  [
    `${formatBytes(presentBytes)} now`,
    `${formatBytes(growthBytes)} of growth`,
    `${formatBytes(weightBytes)} of weights`,
    `${formatBytes(stateBytes)} of gradients and optimizer`,
    `${formatBytes(valueBytes)} of values`,
  ].join(', ');

/** What the platform tells of memory. */
export interface HostMemory {
  /** Resident memory of the process. */
  readonly residentBytes: () => number;
  /** What the process could take beyond that. */
  readonly availableBytes: () => number;
}

export interface PlannedRun {
  readonly config: TuneConfig;
  readonly task: RunTask;
  readonly attached: AdapterWeights;
  /** None where the optimizer asks for scores, which takes a copy of what is trained instead of gradients. */
  readonly updates: readonly Update[];
  readonly plan: Pick<RunPlan, 'trainShape' | 'evalShape' | 'answerShape'>;
  readonly engine: Engine;
  /** Answers that a run writes, and what it measures of what it forgets. */
  readonly besides: { readonly answers: Work | undefined; readonly forgetting: Work | undefined };
}

/** Memory beside weights and the optimizer's state: what programs share, and what each holds; and what they read weights in. */
interface Values {
  readonly sharedBytes: number;
  readonly ownBytes: number;
  readonly forms: WeightForms;
}

/** As measured on runs of models of 3 and 135 million parameters, 40 to 70 MB. */
const growthBytes = 48e6;

const bytesOf = (shapes: readonly { readonly shape: readonly number[] }[]): number =>
  4 * shapes.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** The programs of a step at its largest: the last micro-batch adds to the gradients of those before. */
function stepGraphs({ config: { train }, task, attached, updates, plan }: PlannedRun): Graph[] {
  const shape = { ...plan.trainShape, packed: task.packed };
  const accumulate = train.gradientAccumulationSteps > 1;
  return updates.flatMap((update) => {
    const { members, ...graphs } = layUpdate(update, attached);
    const parameters = members.map(({ name }) => name);
    const choices = { accumulate, recompute: train.gradientCheckpointing, parameters };
    return [update.task.trainGraph(attached.adapter, shape, choices), graphs.squaresGraph(), graphs.graph()];
  });
}

async function planGraphs(
  { engine, task }: Pick<PlannedRun, 'engine' | 'task'>,
  graphs: readonly Graph[],
  hostBytes = 0,
): Promise<Values> {
  const { store } = task.loaded;
  const programs: ProgramMemory[] = [];
  const forms = new Map<string, Set<WeightForm>>();
  for (const graph of graphs) {
    const planned = await engine.plan(graph);
    programs.push(planned);
    const narrow = new Set(planned.narrow);
    for (const { name, kind } of graph.leaves) {
      if (kind !== 'parameter' || !store.has(name)) continue;
      const form = narrow.has(name) ? formOf(store.get(name), engine.precision) : 'f32';
      forms.set(name, (forms.get(name) ?? new Set()).add(form));
    }
  }
  return {
    sharedBytes: Math.max(0, ...programs.map(({ scratchBytes }) => scratchBytes)),
    ownBytes: hostBytes + programs.reduce((sum, { ownBytes }) => sum + ownBytes, 0),
    forms,
  };
}

const together = (all: readonly WeightForms[]): WeightForms => {
  const joined = new Map<string, Set<WeightForm>>();
  for (const [name, forms] of all.flatMap((each) => [...each]))
    for (const form of forms) joined.set(name, (joined.get(name) ?? new Set()).add(form));
  return joined;
};

/** Programs and caches of the model's own answers, where it gives them while training. */
function answersOf({ task: { language, answering }, plan: { answerShape } }: PlannedRun): Work | undefined {
  if (!language || !answering || !answerShape) return undefined;
  const { maxCompletionLength: maxNewTokens, temperature, repetitionPenalty } = answering.objective.answers;
  const logits = temperature > 0 || repetitionPenalty !== 1;
  const { batch, prompt } = answerShape;
  const lengths = Array.from({ length: batch }, () => prompt);
  return decodingWork(language, lengths, { maxNewTokens, logits, batchSize: batch });
}

const planWork = async (run: PlannedRun, work: Work | undefined): Promise<Values | undefined> =>
  work &&
  planGraphs(
    run,
    work.graphs.map((graph) => graph()),
    work.hostBytes,
  );

/** Values of a step, and of what comes between steps. */
export interface RunValues {
  readonly train: Values;
  readonly evaluation: Values | undefined;
  readonly answers: Values | undefined;
  readonly forgetting: Values | undefined;
}

/** Plans the values of a run; `known` are those that do not depend on the size of batches. */
export async function planValues(
  run: PlannedRun,
  known?: Pick<RunValues, 'answers' | 'forgetting'>,
): Promise<RunValues> {
  const { task, plan, besides } = run;
  const own = answersOf(run);
  const held = plan.evalShape && task.evaluationGraph?.(plan.evalShape);
  return {
    train: await planGraphs(run, [...stepGraphs(run), ...(own?.graphs.map((graph) => graph()) ?? [])], own?.hostBytes),
    evaluation: held && (await planGraphs(run, [held])),
    answers: known ? known.answers : await planWork(run, besides.answers),
    forgetting: known ? known.forgetting : await planWork(run, besides.forgetting),
  };
}

const allValues = (values: RunValues): Values[] =>
  Object.values(values).filter((each: Values | undefined) => each !== undefined);

/** What values take at the most: programs keep what they hold, and what they share stays reserved at its largest. */
export function peakOf(values: RunValues): number {
  const all = allValues(values);
  return Math.max(...all.map(({ sharedBytes }) => sharedBytes)) + all.reduce((sum, { ownBytes }) => sum + ownBytes, 0);
}

export interface PlannedMemory {
  readonly memory: MemoryPlan;
  readonly values: RunValues;
  /** What the run's programs read weights in. */
  readonly forms: WeightForms;
}

/** Plans the peaks of a run. */
export async function planMemory(run: PlannedRun, residentBytes: () => number): Promise<PlannedMemory> {
  const { task, attached, updates } = run;
  const slots = updates.flatMap((update) => layUpdate(update, attached).slots.flat());
  const stateBytes = bytesOf([attached.weights.flat]) + bytesOf(slots);
  const values = await planValues(run);
  const forms = together(allValues(values).map((each) => each.forms));
  const weightBytes = task.loaded.store.unreadBytes(forms);
  const presentBytes = residentBytes();
  const common = presentBytes + growthBytes + weightBytes + stateBytes;
  const whole = ({ sharedBytes, ownBytes }: Values): number => common + sharedBytes + ownBytes;
  const { train, evaluation, answers, forgetting } = values;
  const valueBytes = train.sharedBytes + train.ownBytes;
  return {
    values,
    forms,
    memory: {
      peakBytes: common + peakOf(values),
      trainBytes: common + valueBytes,
      ...(evaluation ? { evalBytes: whole(evaluation) } : {}),
      ...(answers ? { answerBytes: whole(answers) } : {}),
      ...(forgetting ? { forgettingBytes: whole(forgetting) } : {}),
      parts: { presentBytes, growthBytes, weightBytes, stateBytes, valueBytes },
    },
  };
}
