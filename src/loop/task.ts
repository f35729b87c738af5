import type { Adapter } from '../adapters/adapter.ts';
import type { Batch } from '../data/batches.ts';
import { type Dataset, prepareDataset, type TrainExample } from '../data/dataset.ts';
import type { Examples, ExampleStore } from '../data/examples.ts';
import {
  type DatasetSummary,
  exampleLines,
  refuseUntrainedStop,
  summarizeDataset,
  summaryLines,
} from '../data/preview.ts';
import type { Row } from '../data/reader.ts';
import type { Graph } from '../ir/graph.ts';
import type { Model } from '../nn/model.ts';
import type { AnsweringObjective, Objective, SequenceObjective } from '../objectives/objective.ts';
import type { Tensors } from '../runtime/engine.ts';
import type { EvalMetric } from './best.ts';
import type { LossPer } from './events.ts';
import type { TuneConfig } from './config.ts';
import type { Generations } from './generations.ts';
import { type LoadedModel, tokenizerOf } from './model.ts';
import { scoreGraph, type TrainGraphOptions, type TokenShape } from './programs.ts';
import { answeringWork, answerSamples, type Sample } from './samples.ts';
import { meanLoss } from './score.ts';
import { sequenceLoss } from './sequenceLoss.ts';
import { tokenLoss } from './tokenLoss.ts';
import type { Work } from './work.ts';

/** Loss over evaluation data. */
export interface Evaluation {
  readonly loss: number;
  readonly supervisedTokens: number;
  /** Standard error of the loss over examples. */
  readonly error?: number;
  /** Share of examples whose most likely label is right, where there is one label for each. */
  readonly accuracy?: number;
}

/** What a run does with its model: how data becomes examples, and what is computed from them. */
export interface RunTask {
  readonly loaded: LoadedModel<Model>;
  /** The same, where it is a language model. */
  readonly language: LoadedModel | undefined;
  /** Rows hold several examples. */
  readonly packed: boolean;
  /** What the loss is the mean of: tokens, or examples of a classifier, unless given. */
  readonly counts?: 'sequences' | 'pairs';
  /** What its losses are told as the mean of, where not of tokens. */
  readonly lossPer?: LossPer;
  /** Where the data are prompts that the model answers by itself. */
  readonly answering?: {
    readonly objective: AnsweringObjective;
    /** How answers become micro-batches, where gradients are taken of them. */
    readonly generations?: Generations;
  };
  /** Set where examples are all of one length, and ids are not tokens: how many tokens the model makes of each. */
  readonly tokensPerId?: number;
  prepare(
    rows: AsyncIterable<Row>,
    options: { readonly maxLength: number; readonly store: ExampleStore },
  ): Promise<Dataset>;
  /** Counts and remarks on the examples of a data set that will be learned, and one example. Throws RangeError where nothing would be. */
  preview(
    dataset: Dataset,
    examples: Examples,
  ): {
    readonly summary: DatasetSummary;
    readonly notes: string[];
    readonly example: (example: TrainExample) => string[];
  };
  /** Loss (mean over the window by `normalizer`) and gradients of one micro-batch; not there where nothing has a gradient. */
  trainGraph?(adapter: Adapter, shape: TokenShape, options: TrainGraphOptions): Graph;
  feeds?(batch: Batch, graph: Graph): Tensors;
  /** What an evaluation computes of one batch; not there where answers are graded alone. */
  evaluationGraph?(shape: Pick<TokenShape, 'batch' | 'length'>): Graph;
  evaluate?(batches: Iterable<Batch>): Promise<Evaluation>;
  /** What the model says to the prompts of examples, greedily, or which labels it gives them. */
  answer(
    examples: readonly TrainExample[],
    options: { readonly maxNewTokens: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Sample[]>;
  /** What that takes. */
  answerWork(examples: readonly TrainExample[], options: { readonly maxNewTokens: number }): Work;
  /** What evaluations tell that can be compared, beside the reward; known once the data is read. */
  metrics(): readonly EvalMetric[];
}

/** A task with a loss, which evaluations measure too. */
export interface Task extends RunTask {
  trainGraph(adapter: Adapter, shape: TokenShape, options: TrainGraphOptions): Graph;
  feeds(batch: Batch, graph: Graph): Tensors;
  evaluationGraph(shape: Pick<TokenShape, 'batch' | 'length'>): Graph;
  evaluate(batches: Iterable<Batch>): Promise<Evaluation>;
}

type LanguageData = Pick<TuneConfig['data'], 'packing' | 'loss'> &
  Partial<Pick<TuneConfig['data'], 'allowTemplateMismatch' | 'allowUntrainedStop'>>;

/** Learning the tokens of texts. */
export function languageTask(
  loaded: LoadedModel,
  objective: Objective | SequenceObjective,
  { packing, loss, allowTemplateMismatch = false, allowUntrainedStop = false }: LanguageData,
): Task {
  if (objective.reduction === 'sequence' && packing)
    throw new TypeError(`data.packing: ${objective.type} reads one sequence in each row`);
  return {
    loaded,
    language: loaded,
    ...(objective.reduction === 'sequence'
      ? sequenceLoss(loaded.model, objective)
      : tokenLoss(loaded.model, objective, packing)),
    prepare: (rows, options) =>
      prepareDataset(rows, tokenizerOf(loaded), {
        ...options,
        allowTemplateMismatch,
        ...(loss === 'auto' ? {} : { loss }),
      }),
    preview: (dataset, examples) => {
      const summary = summarizeDataset(dataset, tokenizerOf(loaded), examples);
      if (!allowUntrainedStop) refuseUntrainedStop(summary, tokenizerOf(loaded));
      return {
        summary,
        notes: summaryLines(summary, dataset),
        example: (example) => exampleLines(example, tokenizerOf(loaded)),
      };
    },
    evaluationGraph: (shape) => scoreGraph(loaded.model, loaded.attached?.adapter, { ...shape, packed: packing }),
    evaluate: (batches) => meanLoss(loaded, batches, packing),
    answer: (examples, options) => answerSamples(loaded, examples, options),
    answerWork: (examples, options) => answeringWork(loaded, examples, options),
    metrics: () => ['evalLoss'],
  };
}
