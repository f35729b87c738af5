import { preparePrompts } from '../data/prompts.ts';
import { exampleLines, lengthsOf, type DatasetSummary } from '../data/preview.ts';
import type { Dataset, TrainExample } from '../data/dataset.ts';
import type { Examples } from '../data/examples.ts';
import type { AnsweringObjective } from '../objectives/objective.ts';
import type { TuneConfig } from './config.ts';
import { type Generations, generationsOf } from './generations.ts';
import { type LoadedModel, tokenizerOf } from './model.ts';
import { policyLoss } from './policyLoss.ts';
import { answeringWork, answerSamples } from './samples.ts';
import type { RunTask } from './task.ts';

/** Counts of prompts; nothing of the data is learned. Throws RangeError where none is left. */
function summaryOf({ dropped, duplicates }: Dataset, examples: Examples): DatasetSummary {
  if (examples.count === 0)
    throw new RangeError(`Nothing to answer: all ${dropped.length} prompts are empty or leave no room for an answer`);
  const lengths = Uint32Array.from({ length: examples.count }, (_, i) => examples.lengthOf(i));
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const { longest, ...spread } = lengthsOf(lengths);
  const none = { supervisedTokens: 0, stopsSupervised: 0, truncated: 0, promptMismatches: 0, templateMismatches: 0 };
  const counts = { examples: examples.count, tokens, dropped: dropped.length, duplicates: duplicates.length };
  return { ...none, ...counts, lengths: spread, longest };
}

function notesOf({ examples, tokens, longest }: DatasetSummary, dataset: Dataset): string[] {
  const lines = [`${examples} prompts, ${tokens} tokens (longest ${longest}); the model learns from its own answers`];
  for (const reason of new Set(dataset.dropped.map((drop) => drop.reason))) {
    const indexes = dataset.dropped.filter((drop) => drop.reason === reason).map(({ index }) => index);
    lines.push(`${indexes.length} dropped, ${reason}: ${dataset.placesOf(indexes)}`);
  }
  if (dataset.duplicates.length > 0)
    lines.push(`${dataset.duplicates.length} duplicates of earlier prompts: ${dataset.placesOf(dataset.duplicates)}`);
  return lines;
}

/** How prompts are answered together, and how many of an epoch are not. */
function generationNotes({ prompts, batches }: Generations, numGenerations: number, count: number): string[] {
  const left = count % prompts;
  const answers = `${prompts === 1 ? 'One prompt is' : `${prompts} prompts are`} answered together, ${numGenerations} times each, for ${batches === 1 ? 'one micro-batch' : `${batches} micro-batches`}`;
  if (left === 0 || count < prompts) return [answers];
  return [answers, `${left} of ${count} prompts are left out of each epoch, others each time where they are shuffled`];
}

/** Throws TypeError naming a field that says nothing where the model answers prompts by itself. */
function refuseOthers({ type }: AnsweringObjective, { data, dataStep }: Pick<TuneConfig, 'data' | 'dataStep'>): void {
  for (const [field, found, expected] of [
    ['data.packing', data.packing, false],
    ['data.loss', data.loss, 'auto'],
    ['dataStep.type', dataStep.type, 'none'],
  ] as const)
    if (found !== expected)
      throw new TypeError(
        `${field}: expected ${expected}, as ${type} learns from the model's own answers, but found ${found}`,
      );
}

/** Learning from the model's own answers to prompts. TypeError on options that say nothing here, RangeError where the model has no room for answers. */
export function promptTask(
  loaded: LoadedModel,
  objective: AnsweringObjective,
  config: Pick<TuneConfig, 'data' | 'dataStep' | 'train'>,
): RunTask {
  refuseOthers(objective, config);
  const { model } = loaded;
  const { answers } = objective;
  const room = model.maxPositions - answers.maxCompletionLength - (loaded.attached?.adapter.prefixTokens ?? 0);
  if (room < 1)
    throw new RangeError(
      `objective.maxCompletionLength: expected fewer than the ${model.maxPositions} positions of the model but found ${answers.maxCompletionLength}`,
    );
  const policy = objective.reduction === 'group' ? objective : undefined;
  const generations = policy && generationsOf(policy, config.train);
  return {
    loaded,
    language: loaded,
    packed: false,
    counts: 'sequences',
    lossPer: 'answer',
    answering: {
      objective,
      ...(generations && { generations }),
    },
    ...(policy && generations && policyLoss(model, policy, generations)),
    prepare: (rows, { maxLength, store }) =>
      preparePrompts(rows, tokenizerOf(loaded), { maxLength: Math.min(maxLength, room), store }),
    preview: (dataset, examples) => {
      const summary = summaryOf(dataset, examples);
      const example = (found: TrainExample): string[] => exampleLines(found, tokenizerOf(loaded));
      const together = generations ? generationNotes(generations, answers.numGenerations, examples.count) : [];
      return { summary, notes: [...notesOf(summary, dataset), ...together], example };
    },
    answer: (examples, options) => answerSamples(loaded, examples, options),
    answerWork: (examples, options) => answeringWork(loaded, examples, options),
    metrics: () => [],
  };
}
