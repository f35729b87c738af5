import type { Batch } from '../data/batches.ts';
import type { Graph } from '../ir/graph.ts';
import { preparePairs } from '../data/pairs.ts';
import { exampleLines, refuseUntrainedStop, summarizeDataset, summaryLines } from '../data/preview.ts';
import type { PairObjective } from '../objectives/objective.ts';
import { tensor } from '../runtime/tensor.ts';
import type { Tensors } from '../runtime/engine.ts';
import type { TuneConfig } from './config.ts';
import { tokenFeeds } from './feeds.ts';
import { type LoadedModel, tokenizerOf } from './model.ts';
import { pairScoreGraph, pairTrainGraph } from './pairPrograms.ts';
import type { TokenShape } from './programs.ts';
import { answeringWork, answerSamples } from './samples.ts';
import type { Evaluation, Task } from './task.ts';

type PairData = Pick<TuneConfig['data'], 'packing' | 'loss'> & Partial<Pick<TuneConfig['data'], 'allowUntrainedStop'>>;

/** What a program of pairs reads of a batch: 1 where the next token is one of the same sequence. */
export function pairFeeds(batch: Batch, { leaves }: Graph): Tensors {
  const { length, segments } = batch;
  const followed = Float32Array.from(segments, (segment, at) =>
    segment >= 0 && (at + 1) % length !== 0 && segments[at + 1] === segment ? 1 : 0,
  );
  const feeds = { ...tokenFeeds(batch, true), followed: tensor('f32', [batch.batch, length], followed) };
  const read = new Set(leaves.map(({ name }) => name));
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => read.has(name)));
}

/** Learning which of two answers is better. TypeError on options that say nothing here. */
export function preferenceTask(
  loaded: LoadedModel,
  objective: PairObjective,
  { packing, loss, allowUntrainedStop = false }: PairData,
): Task {
  if (packing) throw new TypeError(`data.packing: ${objective.type} reads one pair in each row`);
  if (loss !== 'auto' && loss !== 'completion')
    throw new TypeError(`data.loss: expected completion, as ${objective.type} compares answers, but found ${loss}`);
  const { model, programs } = loaded;
  const evaluationGraph = (shape: Pick<TokenShape, 'batch' | 'length'>): Graph =>
    pairScoreGraph(model, loaded.attached?.adapter, objective, { ...shape, packed: true });
  return {
    loaded,
    language: loaded,
    packed: true,
    counts: 'pairs',
    lossPer: 'pair',
    prepare: (rows, options) => preparePairs(rows, tokenizerOf(loaded), options),
    preview: (dataset, examples) => {
      const summary = summarizeDataset(dataset, tokenizerOf(loaded), examples);
      if (!allowUntrainedStop) refuseUntrainedStop(summary, tokenizerOf(loaded));
      return {
        summary,
        notes: ['Examples are pairs, the chosen answer first', ...summaryLines(summary, dataset)],
        example: (example) => exampleLines(example, tokenizerOf(loaded)),
      };
    },
    trainGraph: (adapter, shape, options) => pairTrainGraph(model, adapter, objective, shape, options),
    feeds: pairFeeds,
    evaluationGraph,
    evaluate: async (batches): Promise<Evaluation> => {
      let [total, right, count] = [0, 0, 0];
      for (const batch of batches) {
        const shape = { batch: batch.batch, length: batch.length };
        const program = await programs.get(`compare ${JSON.stringify(shape)}`, () => evaluationGraph(shape));
        const found = await program.run(pairFeeds(batch, program.graph));
        total += found['total']?.data[0] ?? Number.NaN;
        right += batch.batch * (found['rewardAccuracy']?.data[0] ?? Number.NaN);
        count += batch.batch;
      }
      return { loss: total / count, supervisedTokens: count, accuracy: right / count };
    },
    // Of a pair the chosen answer comes first, so it is what the data says.
    answer: (examples, options) => answerSamples(loaded, examples, options),
    answerWork: (examples, options) => answeringWork(loaded, examples, options),
    metrics: () => ['evalLoss', 'accuracy'],
  };
}
