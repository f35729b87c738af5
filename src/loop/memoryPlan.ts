import type { Graph } from '../ir/graph.ts';
import { sizeOf } from '../ir/types.ts';
import type { Engine, ProgramMemory } from '../runtime/engine.ts';
import type { TuneConfig } from './config.ts';
import { answerGraphs } from './decoding.ts';
import type { RunPlan } from './plan.ts';
import { layUpdate } from './preparedUpdate.ts';
import type { AdapterWeights } from './readyModel.ts';
import type { RunTask } from './task.ts';
import { formatBytes } from './units.ts';
import type { Update } from './update.ts';

/** Memory that a run will take at its peaks, known before weights are read. */
export interface MemoryPlan {
  /** Peaks of resident memory. */
  readonly trainBytes: number;
  readonly evalBytes?: number;
  /** What the peak of training consists of. */
  readonly parts: MemoryParts;
}

export interface MemoryParts {
  /** The process as it is: program, data, adapter. */
  readonly presentBytes: number;
  /** Frozen weights that are still to be read. */
  readonly weightBytes: number;
  /** Gradients and the optimizer's state. */
  readonly stateBytes: number;
  /** Values of the largest micro-batch, and what its programs hold. */
  readonly valueBytes: number;
}

/** What a peak consists of, in words. */
export const memoryWords = ({ presentBytes, weightBytes, stateBytes, valueBytes }: MemoryParts): string =>
  [
    `${formatBytes(presentBytes)} now`,
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
}

const bytesOf = (shapes: readonly { readonly shape: readonly number[] }[]): number =>
  4 * shapes.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** Values of programs that share memory, and what each holds. */
const together = (programs: readonly ProgramMemory[]): number =>
  Math.max(0, ...programs.map(({ scratchBytes }) => scratchBytes)) +
  programs.reduce((sum, { ownBytes }) => sum + ownBytes, 0);

/** The programs of a step at its largest: the last micro-batch adds to the gradients of those before. */
function stepGraphs({ config: { train }, task, attached, updates, plan }: PlannedRun): Graph[] {
  const shape = { ...plan.trainShape, packed: task.packed };
  const accumulate = train.gradientAccumulationSteps > 1;
  return updates.flatMap((update) => {
    const { members, graph } = layUpdate(update, attached);
    const parameters = members.map(({ name }) => name);
    const choices = { accumulate, recompute: train.gradientCheckpointing, parameters };
    return [update.task.trainGraph(attached.adapter, shape, choices), graph()];
  });
}

async function planGraphs(engine: Engine, graphs: readonly Graph[]): Promise<number> {
  const programs: ProgramMemory[] = [];
  for (const graph of graphs) programs.push(await engine.plan(graph));
  return together(programs);
}

/** Programs and caches of the model's own answers, where it gives them while training. */
function answersOf({ task: { language, answering }, plan: { answerShape } }: PlannedRun): {
  readonly graphs: readonly Graph[];
  readonly cacheBytes: number;
} {
  if (!language || !answering || !answerShape) return { graphs: [], cacheBytes: 0 };
  const { maxCompletionLength: maxNewTokens, temperature, repetitionPenalty } = answering.objective.answers;
  const logits = temperature > 0 || repetitionPenalty !== 1;
  return answerGraphs(language, { ...answerShape, maxNewTokens, logits });
}

/** Values of a step, and of an evaluation where there is one. */
export async function planValues(run: PlannedRun): Promise<{ train: number; evaluation: number | undefined }> {
  const { task, plan, engine } = run;
  const { graphs, cacheBytes } = answersOf(run);
  const held = plan.evalShape && task.evaluationGraph?.(plan.evalShape);
  return {
    train: cacheBytes + (await planGraphs(engine, [...stepGraphs(run), ...graphs])),
    evaluation: held && (await planGraphs(engine, [held])),
  };
}

/** Plans the peaks of training and of evaluations; answers that are graded are not in it. */
export async function planMemory(run: PlannedRun, residentBytes: () => number): Promise<MemoryPlan> {
  const { task, attached, updates } = run;
  const slots = updates.flatMap((update) => layUpdate(update, attached).slots.flat());
  const stateBytes = bytesOf([attached.weights.flat]) + bytesOf(slots);
  const { train: valueBytes, evaluation: evalValues } = await planValues(run);
  const weightBytes = task.loaded.store.unreadBytes();
  const presentBytes = residentBytes();
  const common = presentBytes + weightBytes + stateBytes;
  return {
    trainBytes: common + valueBytes,
    ...(evalValues === undefined ? {} : { evalBytes: common + evalValues }),
    parts: { presentBytes, weightBytes, stateBytes, valueBytes },
  };
}
