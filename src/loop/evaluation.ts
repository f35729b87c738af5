import { readExample, supervisedFormats } from '../data/formats.ts';
import { chosenExample } from '../data/pairs.ts';
import type { EvalMetric } from './best.ts';
import type { TuneConfig } from './config.ts';
import { decodingWork } from './decoding.ts';
import type { EvalEvent } from './events.ts';
import { gradeTask, type TaskItem, taskItem } from './gradeTask.ts';
import { tokenizerOf } from './model.ts';
import { openReward } from './openReward.ts';
import type { RunPlan } from './plan.ts';
import { heldRows } from './runData.ts';
import type { RunTask } from './task.ts';
import type { Work } from './work.ts';

/** Carries out an evaluation of the model as it is now. */
export type Measure = () => Promise<Omit<EvalEvent, 'type' | 'step' | 'evalMs' | 'best'>>;

/** What a run measures at each evaluation, and what it takes beside the loss: the answers that are graded. */
export interface Measuring {
  readonly measure: Measure;
  readonly answering: Work | undefined;
}

const defaults = { maxNewTokens: 128, prompts: 16 };

/** The first evaluation prompts, as the model meets them. Throws, naming the place, on rows without a prompt. */
async function itemsOf(config: TuneConfig, { language, counts }: RunTask, plan: RunPlan): Promise<readonly TaskItem[]> {
  if (!language) throw new TypeError('reward.path: a classifier writes no answers');
  const count = config.reward.prompts ?? defaults.prompts;
  if (plan.heldItems) return plan.heldItems(count);
  const rows = await heldRows(config.data, plan.heldIndexes(count));
  return rows.map((row) => {
    try {
      const example = counts === 'pairs' ? chosenExample(row) : readExample(row, supervisedFormats);
      return { ...taskItem(row.index, example, tokenizerOf(language)), fields: row.fields };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`reward.path, ${reason.startsWith(row.place) ? '' : `${row.place}: `}${reason}`, { cause });
    }
  });
}

/** What makes an evaluation the best, unless the config says: the loss where there is one. Known once the data is read. */
export const bestMetric = ({ train }: TuneConfig, task: RunTask): EvalMetric =>
  train.metricForBestModel ?? task.metrics()[0] ?? 'reward';

/** Mean grade of the greedy answers to prompts, with its standard error, and how many have a grade. */
async function graded(config: TuneConfig, task: RunTask, plan: RunPlan, path: string): Promise<Measuring> {
  const [reward, items] = [await openReward(path), await itemsOf(config, task, plan)];
  const { language, answering } = task;
  const longest = answering?.objective.answers.maxCompletionLength ?? defaults.maxNewTokens;
  const options = { maxNewTokens: config.reward.maxNewTokens ?? longest, batchSize: config.train.batchSize };
  const lengths = items.map(({ ids }) => ids.length);
  const measure: Measure = async () => {
    const answers = language ? await gradeTask(language, items, reward, options) : [];
    const scores = answers.flatMap(({ score }) => score ?? []);
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const squares = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0);
    const error = scores.length < 2 ? {} : { rewardError: Math.sqrt(squares / (scores.length - 1) / scores.length) };
    const right = scores.filter((score) => score === 1).length;
    const isShare = right + scores.filter((score) => score === 0).length === scores.length;
    const shared = scores.length > 0 && isShare ? { right } : {};
    return { ...(scores.length === 0 ? {} : { reward: mean, ...error }), graded: scores.length, ...shared };
  };
  return { measure, answering: language && decodingWork(language, lengths, { ...options, logits: false }) };
}

/**
 * What a run measures at each evaluation: the loss where there is one, and of the answers to the first evaluation prompts, greedily
 * written, the mean grade. Undefined without evaluation data. Throws where the metric of the best model is not measured.
 */
export async function makeMeasure(config: TuneConfig, task: RunTask, plan: RunPlan): Promise<Measuring | undefined> {
  const { evaluation, heldItems } = plan;
  const { path } = config.reward;
  if (!evaluation && !heldItems) return undefined;
  const metric = bestMetric(config, task);
  const measured: readonly EvalMetric[] = [...task.metrics(), ...(path === undefined ? [] : (['reward'] as const))];
  if (!measured.includes(metric))
    throw new RangeError(
      `train.metricForBestModel: expected what this run measures, ${measured.join(' or ')}, but found ${metric}`,
    );
  const grade = path === undefined ? undefined : await graded(config, task, plan, path);
  const per = task.lossPer === undefined ? {} : { per: task.lossPer };
  const measure: Measure = async () => {
    const found = evaluation && (await task.evaluate?.(evaluation()));
    const { loss: evalLoss, error: evalLossError, ...rest } = found ?? {};
    return {
      ...(evalLoss === undefined ? {} : { evalLoss, ...per }),
      ...rest,
      ...(evalLossError === undefined ? {} : { evalLossError }),
      ...(await grade?.measure()),
    };
  };
  return { measure, answering: grade?.answering };
}
