/** What models do with rows of data, as the commands of the same names. */
import type { SuperviseOptions } from '../data/supervise.ts';
import type { AnyClassifier } from '../nn/model.ts';
import { classify as classifyExamples, type ClassifiedLine } from './classifier.ts';
import { examplesToClassify } from './classifierReads.ts';
import {
  generate as generateFrom,
  type GenerateOptions,
  type Generation,
  type GenerationEvent,
  streamGenerate as streamFrom,
} from './generate.ts';
import type { ReadyModel } from './readyModel.ts';
import { examplesOf, promptsOf, type RowInput, rowsOf } from './rowInputs.ts';
import { score as scoreExamples, type ScoreLine } from './score.ts';

/** Goes on from prompts: texts, {prompt}, {messages, tools?} or {ids}; one result per prompt and sample, in their order. Greedy unless a temperature is given. */
export const generate = (
  model: ReadyModel,
  prompts: Iterable<RowInput>,
  options: GenerateOptions,
): AsyncGenerator<Generation> => generateFrom(model, promptsOf(rowsOf(prompts, 'prompt'), model), options);

/** `generate` that tells text as it comes. */
export const streamGenerate = (
  model: ReadyModel,
  prompts: Iterable<RowInput>,
  options: GenerateOptions,
): AsyncGenerator<GenerationEvent> => streamFrom(model, promptsOf(rowsOf(prompts, 'prompt'), model), options);

/** Log-probabilities of the tokens of texts, {text}, {prompt, completion} or {messages, tools?}. */
export const score = (
  model: ReadyModel,
  rows: Iterable<RowInput>,
  { batchSize = 8, ...options }: SuperviseOptions & { readonly batchSize?: number } = {},
): AsyncGenerator<ScoreLine> => scoreExamples(model, examplesOf(rowsOf(rows, 'text'), model, options), { batchSize });

/** Logits of texts or {text, text_pair?}, or of {image}, one per label. */
export const classify = (
  model: ReadyModel<AnyClassifier>,
  rows: Iterable<RowInput>,
  { batchSize = 8, maxLength }: { readonly batchSize?: number; readonly maxLength?: number } = {},
): AsyncGenerator<ClassifiedLine> =>
  classifyExamples(model, examplesToClassify(rowsOf(rows, 'text'), model, { maxLength }), { batchSize });
