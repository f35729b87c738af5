import type { AnswerOptions, PolicyObjective } from '../objectives/objective.ts';
import type { TuneConfig } from './config.ts';

/** How answers that are given together become micro-batches, as TRL's GRPOTrainer divides them. */
export interface Generations {
  /** Prompts that are answered together. */
  readonly prompts: number;
  /** Micro-batches that their answers make. */
  readonly batches: number;
  /** Micro-batches from one time to the next: each counts as often as there are iterations. */
  readonly every: number;
  /** Whether weights change between an answer and learning from it. */
  readonly answersAreOld: boolean;
}

type Rows = Pick<TuneConfig['train'], 'batchSize' | 'gradientAccumulationSteps'>;

/** Throws RangeError where the answers of a generation are no whole groups. */
export function generationsOf(
  {
    answers: { numGenerations },
    numIterations,
    stepsPerGeneration,
  }: Pick<PolicyObjective, 'numIterations' | 'stepsPerGeneration'> & {
    readonly answers: Pick<AnswerOptions, 'numGenerations'>;
  },
  { batchSize, gradientAccumulationSteps }: Rows,
): Generations {
  let batches = stepsPerGeneration ?? gradientAccumulationSteps;
  if (stepsPerGeneration === undefined)
    while ((batches * batchSize) % numGenerations !== 0) batches += gradientAccumulationSteps;
  const rows = batches * batchSize;
  if (rows % numGenerations !== 0)
    throw new RangeError(
      `objective.stepsPerGeneration: expected whole groups of ${numGenerations} answers (objective.numGenerations) but found ${rows}, ${batches} times train.batchSize`,
    );
  const every = batches * numIterations;
  return { prompts: rows / numGenerations, batches, every, answersAreOld: gradientAccumulationSteps % every !== 0 };
}
