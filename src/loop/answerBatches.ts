import { type Batch, collate } from '../data/batches.ts';
import { type Loading, paddedLength } from '../data/padding.ts';
import type { PolicyObjective } from '../objectives/objective.ts';
import { tokenFeeds } from './feeds.ts';
import { answerScoreGraph } from './policyLoss.ts';
import type { ReadyModel } from './readyModel.ts';
import type { GradedAnswer } from './answerPrompts.ts';

/** What an answer is learned from. */
export type Answer = Pick<GradedAnswer, 'ids' | 'finishReason' | 'score'> & {
  readonly item: Pick<GradedAnswer['item'], 'index' | 'ids'>;
};

type Weighing = Pick<PolicyObjective, 'advantages' | 'tokenWeight' | 'maskTruncatedCompletions'>;

/** Mean size of answers, of one token at least in all. */
const meanSize = (sizes: readonly number[]): number =>
  Math.max(
    1,
    sizes.reduce((sum, size) => sum + size, 0),
  ) / sizes.length;

/**
 * Answers that were given together, those to one prompt side by side, as micro-batches of `batchSize` in the order of `places`: each
 * token counts what the objective says, so that the mean over the rows of a window is its loss.
 */
export function answerBatches(
  { advantages: advantagesOf, tokenWeight, maskTruncatedCompletions }: Weighing,
  answers: readonly Answer[],
  { places, batchSize, ...loading }: { readonly places: ArrayLike<number>; readonly batchSize: number } & Loading,
): { readonly batches: readonly Batch[]; readonly metrics: Readonly<Record<string, number>> } {
  const { advantages, metrics } = advantagesOf(answers.map(({ score }) => score));
  const sizes = answers.map(({ ids, finishReason }) =>
    maskTruncatedCompletions && finishReason === 'length' ? 0 : ids.length,
  );
  const generationMean = meanSize(sizes);
  const batches: Batch[] = [];
  for (let start = 0; start < places.length; start += batchSize) {
    const rows = Array.from(places).slice(start, start + batchSize);
    const examples = rows
      .flatMap((place) => answers[place] ?? [])
      .map(({ item, ids }) => ({
        index: item.index,
        ids: Int32Array.from([...item.ids, ...ids]),
        mask: Uint8Array.from([...item.ids.map(() => 0), ...ids.map(() => 1)]),
      }));
    const length = paddedLength(Math.max(...examples.map(({ ids }) => ids.length)), loading);
    const alone = examples.map((example) => [example]);
    const batch = collate(alone, length, 0);
    const own = rows.map((place) => sizes[place] ?? 0);
    const batchMean = meanSize(own);
    own.forEach((size, row) => {
      const weight = size === 0 ? 0 : tokenWeight({ own: size, batchMean, generationMean });
      for (let at = row * length; at < (row + 1) * length; at++) batch.weights[at] = weight * (batch.weights[at] ?? 0);
    });
    const worth = Float32Array.from(rows, (place) => advantages[place] ?? 0);
    batches.push({ ...batch, supervisedTokens: rows.length, answered: { advantages: worth } });
  }
  return { batches, metrics };
}

/** The batch with its tokens' log-probabilities under the model as it is now. */
export async function withOldLogprobs(
  loaded: ReadyModel,
  batch: Batch,
  { temperature }: { readonly temperature: number },
): Promise<Batch> {
  const shape = { batch: batch.batch, length: batch.length, packed: false };
  const program = await loaded.programs.get(`score answers ${JSON.stringify(shape)}`, () =>
    answerScoreGraph(loaded.model, loaded.attached?.adapter, shape, temperature),
  );
  const { weights: _weights, ...feeds } = tokenFeeds(batch, false);
  const { logprobs } = await program.run(feeds);
  const oldLogprobs = Float32Array.from(logprobs?.data ?? []);
  return { ...batch, answered: { advantages: new Float32Array(batch.batch), ...batch.answered, oldLogprobs } };
}
