import { readExample, supervisedFormats } from '../data/formats.ts';
import { loadFunction } from '../hub/files-module.ts';
import { exactMatch } from '../rewards/exactMatch.ts';
import type { Reward } from '../rewards/reward.ts';
import { userReward } from '../rewards/userReward.ts';
import type { EvalMetric } from './best.ts';
import type { TuneConfig } from './config.ts';
import type { EvalEvent } from './events.ts';
import { gradeTask, type TaskItem, taskItem } from './gradeTask.ts';
import { tokenizerOf } from './model.ts';
import type { RunPlan } from './plan.ts';
import { heldRows } from './runData.ts';
import type { Task } from './task.ts';

/** Carries out an evaluation of the model as it is now. */
export type Measure = () => Promise<Omit<EvalEvent, 'type' | 'step' | 'evalMs' | 'best'>>;

/** Rewards that need no module. */
const rewards: Readonly<Record<string, Reward>> = { exactMatch };

const defaults = { maxNewTokens: 128, prompts: 16 };

async function rewardOf(path: string): Promise<Reward> {
  return rewards[path] ?? userReward(await loadFunction(path, 'reward'));
}

/** Whether a reward's path names a module. */
export const isRewardModule = (path: string | undefined): path is string =>
  path !== undefined && !Object.hasOwn(rewards, path);

/** The first evaluation prompts, as the model meets them. Throws, naming the place, on rows without a prompt. */
async function itemsOf(config: TuneConfig, { language }: Task, { heldIndexes }: RunPlan): Promise<TaskItem[]> {
  if (!language) throw new TypeError('reward.path: a classifier writes no answers');
  const rows = await heldRows(config.data, heldIndexes(config.reward.prompts ?? defaults.prompts));
  return rows.map((row) => {
    try {
      const example = readExample(row, supervisedFormats);
      return { ...taskItem(row.index, example, tokenizerOf(language)), fields: row.fields };
    } catch (cause) {
      throw new Error(`reward.path, ${row.place}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    }
  });
}

/**
 * What a run measures at each evaluation: the loss, and of the answers to the first evaluation prompts, greedily
 * written, the mean grade. Undefined without evaluation data. Throws where the metric of the best model is not measured.
 */
export async function makeMeasure(config: TuneConfig, task: Task, plan: RunPlan): Promise<Measure | undefined> {
  const { evaluation } = plan;
  const { path, maxNewTokens = defaults.maxNewTokens } = config.reward;
  const { metricForBestModel } = config.train;
  const measured: readonly EvalMetric[] = [...task.metrics(), ...(path === undefined ? [] : (['reward'] as const))];
  if (evaluation && !measured.includes(metricForBestModel))
    throw new RangeError(
      `train.metricForBestModel: expected what this run measures, ${measured.join(' or ')}, but found ${metricForBestModel}`,
    );
  if (!evaluation) return undefined;
  const loss: Measure = async () => {
    const { loss: evalLoss, error, ...rest } = await task.evaluate(evaluation());
    return { evalLoss, ...rest, ...(error === undefined ? {} : { evalLossError: error }) };
  };
  const { language } = task;
  if (path === undefined || !language) return loss;
  const [reward, items] = [await rewardOf(path), await itemsOf(config, task, plan)];
  return async () => {
    const answers = await gradeTask(language, items, reward, { maxNewTokens, batchSize: config.train.batchSize });
    const scores = answers.flatMap(({ score }) => score ?? []);
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const squares = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0);
    const error = scores.length < 2 ? {} : { rewardError: Math.sqrt(squares / (scores.length - 1) / scores.length) };
    const graded = scores.length === 0 ? {} : { reward: mean, ...error };
    return { ...(await loss()), ...graded, graded: scores.length };
  };
}
