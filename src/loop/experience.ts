import type { Batch } from '../data/batches.ts';
import type { Window } from '../data/cursor.ts';
import type { TaskItem } from '../data/taskItem.ts';
import { permutation, randomKey } from '../ir/random.ts';
import type { PolicyObjective } from '../objectives/objective.ts';
import type { Reward } from '../rewards/reward.ts';
import { answerBatches, withOldLogprobs } from './answerBatches.ts';
import { batchState } from './batchState.ts';
import type { TuneConfig } from './config.ts';
import type { Generations } from './generations.ts';
import type { RunPlan } from './plan.ts';
import { answerPrompts, type GradedAnswer } from './answerPrompts.ts';
import type { ReadyModel } from './readyModel.ts';
import type { Stateful } from './stateful.ts';

/** What a step learns from. */
export interface Experience {
  /** The window of the next step, 1, 2, …, and what was measured while it was made. */
  next(
    step: number,
    signal?: AbortSignal,
  ): Promise<{ readonly window: Window; readonly metrics: Readonly<Record<string, number>> }>;
  /** What goes into checkpoints. */
  readonly units: readonly Stateful[];
}

/** The data itself. */
export const dataExperience = ({ windowOf }: Pick<RunPlan, 'windowOf'>): Experience => ({
  next: async (step) => ({ window: windowOf(step), metrics: {} }),
  units: [],
});

/** The prompts of a window, as graders look at them. */
export function itemsIn({ batches }: Pick<Window, 'batches'>, items: RunPlan['items']): TaskItem[] {
  return batches.flatMap(({ rowIndexes }) =>
    rowIndexes.flat().map((index) => {
      const item = items?.get(index);
      if (!item) throw new RangeError(`Expected a prompt at input line ${index + 1} but found none`);
      return item;
    }),
  );
}

/** Lengths of answers, by TRL's names. */
export function lengthMetrics(given: readonly Pick<GradedAnswer, 'ids' | 'finishReason'>[]): Record<string, number> {
  const lengths = given.map(({ ids }) => ids.length);
  const ended = given.filter(({ finishReason }) => finishReason === 'stop').map(({ ids }) => ids.length);
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    completionMeanLength: mean(lengths),
    completionMinLength: Math.min(...lengths),
    completionMaxLength: Math.max(...lengths),
    completionClippedRatio: 1 - ended.length / lengths.length,
    completionMeanTerminatedLength: ended.length === 0 ? 0 : mean(ended),
  };
}

export interface PolicyExperienceOptions {
  readonly objective: PolicyObjective;
  readonly generations: Generations;
  readonly reward: Reward;
  readonly plan: Pick<RunPlan, 'windowOf' | 'items'>;
  readonly train: Pick<TuneConfig['train'], 'batchSize' | 'gradientAccumulationSteps' | 'seed'>;
}

/**
 * The model's own answers: those to the prompts of a window are graded and compared, drawn in another order, and make micro-batches
 * that the next steps take, as TRL's GRPOTrainer does it.
 */
export function policyExperience(loaded: ReadyModel, options: PolicyExperienceOptions): Experience {
  const { objective, generations, reward, plan, train } = options;
  const { answers } = objective;
  const { gradientAccumulationSteps: passes, batchSize } = train;
  let ready: readonly Batch[] = [];

  const generation = async (number: number, step: number, signal?: AbortSignal): Promise<Record<string, number>> => {
    const items = itemsIn(plan.windowOf(step), plan.items);
    const [seed] = randomKey(train.seed, 'answers', number);
    const { numGenerations: samples, maxCompletionLength: maxNewTokens, ...sampling } = answers;
    const drawing = { ...sampling, samples, maxNewTokens, batchSize, seed, ...(signal ? { signal } : {}) };
    const given = await answerPrompts(loaded, items, reward, drawing);
    const graded = given.filter(({ score }) => score !== null).length;
    if (graded === 0)
      throw new Error(
        `Expected a grade by ${reward.name} in step ${step} but none of ${given.length} answers has one: ${given[0]?.reason}`,
      );
    const places = permutation(given.length, randomKey(train.seed, 'order of answers', number));
    const { batches, metrics } = answerBatches(objective, given, {
      places,
      batchSize,
      slowToLoad: loaded.engine.slowToLoad,
    });
    const made: Batch[] = [];
    for (const batch of batches)
      made.push(generations.answersAreOld ? await withOldLogprobs(loaded, batch, answers) : batch);
    ready = made;
    return { ...metrics, ...(graded < given.length ? { graded } : {}), ...lengthMetrics(given) };
  };

  return {
    async next(step, signal) {
      const batches: Batch[] = [];
      let metrics: Readonly<Record<string, number>> = {};
      for (let pass = (step - 1) * passes; pass < step * passes; pass++) {
        if (pass % generations.every === 0) metrics = await generation(pass / generations.every, step, signal);
        const batch = ready[pass % generations.batches];
        if (!batch) throw new RangeError(`Expected answers for step ${step} but found none`);
        batches.push(batch);
      }
      const sum = (of: (batch: Batch) => number): number => batches.reduce((total, batch) => total + of(batch), 0);
      const counts = { tokens: sum(({ tokens }) => tokens), supervisedTokens: sum((batch) => batch.supervisedTokens) };
      return { window: { batches, epoch: 0, endsEpoch: false, ...counts }, metrics };
    },
    units: generations.answersAreOld
      ? [
          batchState(
            'answers',
            () => ready,
            (batches) => {
              ready = batches;
            },
          ),
        ]
      : [],
  };
}
