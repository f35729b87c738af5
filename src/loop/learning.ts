import type { Window } from '../data/cursor.ts';
import { isStrategy, makeOptimizer, makeStrategy } from '../optimizers/index.ts';
import type { Reward } from '../rewards/reward.ts';
import type { TuneConfig } from './config.ts';
import { makeEvolution, type Score } from './evolution.ts';
import { dataExperience, type Experience, itemsIn, lengthMetrics, policyExperience } from './experience.ts';
import type { AttachedAdapter } from './model.ts';
import { openReward } from './openReward.ts';
import type { RunPlan } from './plan.ts';
import { answerPrompts } from './answerPrompts.ts';
import type { RunTask } from './task.ts';
import { makeTrainer, type Trainer } from './trainer.ts';
import type { Update } from './update.ts';

/** How a run learns: what its steps are made of, and what carries them out. */
export interface Learning {
  /** What gradients are taken of; none where the optimizer asks for scores. */
  readonly updates: readonly Update[];
  /** Gives it its memory. */
  begin(attached: AttachedAdapter): Promise<{ readonly trainer: Trainer; readonly experience: Experience }>;
}

/** What a window's prompts are worth to the model as it is: the mean grade of its answers. */
function gradeScore({ language, answering }: RunTask, plan: RunPlan, reward: Reward, { train }: TuneConfig) {
  return async (window: Window): Promise<Score> => {
    if (!language || !answering) throw new TypeError('Expected a language model that answers prompts');
    const { numGenerations: samples, maxCompletionLength: maxNewTokens, ...sampling } = answering.objective.answers;
    const drawing = { ...sampling, samples, maxNewTokens, batchSize: train.batchSize, seed: train.seed };
    const given = await answerPrompts(language, itemsIn(window, plan.items), reward, drawing);
    const scores = given.flatMap(({ score }) => score ?? []);
    return {
      score: scores.length === 0 ? null : scores.reduce((sum, score) => sum + score, 0) / scores.length,
      tokens: given.reduce((sum, { item, ids }) => sum + item.ids.length + ids.length, 0),
      metrics: lengthMetrics(given),
    };
  };
}

/** The experience of a run's steps: its data, or the model's own answers where gradients are taken of them. */
async function experienceOf({ language, answering }: RunTask, plan: RunPlan, config: TuneConfig): Promise<Experience> {
  const { objective, generations } = answering ?? {};
  if (!language || objective?.reduction !== 'group' || !generations) return dataExperience(plan);
  const reward = await openReward(config.reward.path ?? '');
  return policyExperience(language, { objective, generations, reward, plan, train: config.train });
}

export function learningOf(config: TuneConfig, task: RunTask, plan: RunPlan): Learning {
  const { train, optimizer } = config;
  const { loaded } = task;
  if (isStrategy(optimizer))
    return {
      updates: [],
      begin: async (attached) => {
        const reward = await openReward(config.reward.path ?? '');
        const trainer = makeEvolution(loaded, {
          attached,
          strategy: makeStrategy(optimizer),
          learningRate: plan.learningRateAt,
          score: gradeScore(task, plan, reward, config),
          seed: train.seed,
        });
        return { trainer, experience: dataExperience(plan) };
      },
    };
  const { trainGraph, feeds, packed } = task;
  if (!trainGraph || !feeds)
    throw new TypeError(`optimizer.type: expected one that asks for scores but found ${optimizer.type}`);
  const update: Update = {
    name: config.objective.type,
    task: { trainGraph, feeds, packed },
    optimizer: makeOptimizer(optimizer),
    learningRate: plan.learningRateAt,
  };
  return {
    updates: [update],
    begin: async (attached) => ({
      trainer: await makeTrainer(loaded, {
        attached,
        updates: [update],
        seed: train.seed,
        steps: plan.steps,
        recompute: train.gradientCheckpointing,
      }),
      experience: await experienceOf(task, plan, config),
    }),
  };
}
