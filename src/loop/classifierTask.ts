import type { Adapter } from '../adapters/adapter.ts';
import { newDataset, placed, type TrainExample } from '../data/dataset.ts';
import { labelTargets, problemTypeOf } from '../data/labelled.ts';
import { type DatasetSummary, lengthsOf } from '../data/preview.ts';
import { buildGraph, type Graph, input } from '../ir/graph.ts';
import { scalar } from '../ir/ops/constant.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import type { AnyClassifier, ProblemType } from '../nn/model.ts';
import { labelLosses, smoothedLabels } from '../objectives/labelLosses.ts';
import type { ClassifierShape } from './classifierPrograms.ts';
import { type ClassifierReads, readsOf } from './classifierReads.ts';
import { classify, classifyingWork } from './classifier.ts';
import { defaultMaxLength, type TuneConfig } from './config.ts';
import type { LoadedModel } from './model.ts';
import { lossGraph } from './programs.ts';
import type { Sample } from './samples.ts';
import type { Evaluation, Task } from './task.ts';

/** The label of an example in words: names of what is 1, or the numbers. */
function labelText(labels: readonly string[], type: string, { label }: TrainExample): string {
  const targets = [...(label ?? [])];
  if (type === 'regression') return targets.join(', ');
  return labels.filter((_, i) => targets[i] === 1).join(', ') || 'none';
}

const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((best, value, i, all) => (value > (all[best] ?? -Infinity) ? i : best), 0);

/** What logits say: the likeliest label, each that is likelier than not, or the numbers. */
function predicted(type: string, logits: readonly number[]): Float32Array {
  if (type === 'regression') return Float32Array.from(logits, (value) => Number(value.toFixed(3)));
  const best = largest(logits);
  return Float32Array.from(logits, (value, i) =>
    Number(type === 'single_label_classification' ? i === best : value > 0),
  );
}

/** Learning a classifier's labels; `smoothing` is the share of the target that all of them get alike. TypeError on options that are only for tokens. */
export function classifierTask(
  loaded: LoadedModel<AnyClassifier>,
  { maxLength, packing, loss }: Pick<TuneConfig['data'], 'maxLength' | 'packing' | 'loss'>,
  smoothing = 0,
): Task {
  if (packing) throw new TypeError('data.packing: a classifier reads one example in each row');
  if (loss !== 'auto')
    throw new TypeError(`data.loss: a classifier learns labels, not tokens: ${loss} says nothing here`);
  const { model, programs } = loaded;
  const { labels } = model;
  const reads = readsOf(loaded);
  if (reads.tokensPerId !== undefined && maxLength !== defaultMaxLength)
    throw new TypeError(`data.maxLength: images have no tokens to cut off: ${maxLength} says nothing here`);
  let type = model.problemType;
  /** Until data was read, what the model's config says. */
  const problemType = (): NonNullable<ProblemType> => type ?? problemTypeOf(model, undefined);

  const losses = (
    adapter: Adapter | undefined,
    shape: ClassifierShape,
    options: Parameters<ClassifierReads['forward']>[2],
  ) => {
    const built = reads.forward(adapter, shape, options);
    const given = input('labels', 'f32', [shape.batch, labels.length]);
    const targets = options.training && smoothing > 0 ? smoothedLabels(given, smoothing) : given;
    return { ...built, total: sum(labelLosses[problemType()](built.logits, targets)) };
  };

  const evaluationGraph = (shape: ClassifierShape): Graph => {
    const { logits, total } = losses(loaded.attached?.adapter, shape, { training: false, recompute: false });
    return buildGraph({ logits, total });
  };

  return {
    loaded,
    language: undefined,
    lossPer: 'example',
    packed: false,
    ...(reads.tokensPerId === undefined ? {} : { tokensPerId: reads.tokensPerId }),
    prepare: async (rows, { maxLength, store }) => {
      const { dataset, note } = newDataset(store);
      for await (const row of rows) {
        note(row);
        const { example, label, truncated, key } = await reads.read(row, { maxLength });
        type ??= problemTypeOf(model, label);
        if (smoothing > 0 && type !== 'single_label_classification')
          throw new TypeError(
            `objective.labelSmoothingFactor: expected 0 but found ${smoothing}: only one label out of several can be smoothed, and this is ${type}`,
          );
        const targets = placed(row, () => labelTargets(problemType(), labels, label));
        if (truncated) dataset.truncated.push(row.index);
        store.add({ ...example, label: targets }, { text: key });
      }
      return dataset;
    },
    preview: ({ truncated, placesOf }, examples) => {
      const lengths = Uint32Array.from({ length: examples.count }, (_, i) => examples.lengthOf(i));
      const tokens = lengths.reduce((all, length) => all + length, 0);
      const { longest, ...spread } = lengthsOf(lengths);
      const summary: DatasetSummary = {
        examples: examples.count,
        tokens,
        supervisedTokens: 0,
        stopsSupervised: 0,
        lengths: spread,
        longest,
        truncated: truncated.length,
        dropped: 0,
        duplicates: 0,
        promptMismatches: 0,
        templateMismatches: 0,
      };
      const seen = labels.map(() => 0);
      for (let i = 0; i < examples.count; i++)
        for (const [l, value] of (examples.at(i).label ?? []).entries()) if (value === 1) seen[l] = (seen[l] ?? 0) + 1;
      const counts = labels.map((name, i) => `${name} ${seen[i]}`);
      const what = problemType() === 'regression' ? `${labels.length} number(s) each` : `labels: ${counts.join(', ')}`;
      const notes = [`${reads.counted(lengths)}, ${what}`];
      if (truncated.length > 0) notes.push(`${truncated.length} truncated: ${placesOf(truncated)}`);
      const unseen = problemType() === 'regression' ? [] : labels.filter((_, i) => seen[i] === 0);
      if (unseen.length > 0) notes.push(`Warning: no example has the label ${unseen.join(', ')}`);
      return {
        summary,
        notes,
        example: (example) => [...reads.lines(example), `label: ${labelText(labels, problemType(), example)}`],
      };
    },
    trainGraph: (adapter, shape, options) => {
      const built = losses(adapter, shape, { training: true, recompute: options.recompute });
      return lossGraph({ ...built, weight: scalar(shape.batch) }, adapter, options);
    },
    feeds: (batch, graph) => reads.feeds(batch, graph),
    answer: async (examples) => {
      const said: Sample[] = [];
      for await (const { index, logits } of classify(loaded, examples, { batchSize: examples.length })) {
        const example = examples.find((each) => each.index === index);
        if (!example) continue;
        const label = predicted(problemType(), logits);
        said.push({
          index,
          prompt: reads.text(example),
          expected: labelText(labels, problemType(), example),
          text: labelText(labels, problemType(), { ...example, label }),
        });
      }
      return said;
    },
    answerWork: (examples) => classifyingWork(loaded, examples),
    metrics: () => (problemType() === 'single_label_classification' ? ['evalLoss', 'accuracy'] : ['evalLoss']),
    evaluationGraph,
    evaluate: async (batches): Promise<Evaluation> => {
      const single = problemType() === 'single_label_classification';
      let [loss, count, right] = [0, 0, 0];
      for (const batch of batches) {
        const shape = { batch: batch.batch, length: batch.length };
        const program = await programs.get(`evaluate ${JSON.stringify(shape)}`, () => evaluationGraph(shape));
        const { logits, total } = await program.run(reads.feeds(batch, program.graph));
        loss += Number(total?.data[0]);
        count += batch.supervisedTokens;
        const targets = batch.classified?.labels ?? new Float32Array(0);
        for (let row = 0; row < batch.batch; row++) {
          const at = [row * labels.length, (row + 1) * labels.length] as const;
          if (largest(logits?.data.slice(...at) ?? []) === largest(targets.subarray(...at))) right++;
        }
      }
      return {
        loss: loss / count,
        supervisedTokens: count,
        ...(single ? { accuracy: right / count } : {}),
      };
    },
  };
}
