import { collate } from '../data/batches.ts';
import type { TrainExample } from '../data/dataset.ts';
import { buildGraph, type Graph } from '../ir/graph.ts';
import type { Classifier } from '../nn/model.ts';
import { classifierFeeds, classifierForward } from './classifierPrograms.ts';
import type { ReadyModel } from './readyModel.ts';
import { allOf, type Work } from './work.ts';

/** One line of `tuneloop score` with a classifier. */
export interface ClassifiedLine {
  readonly index: number;
  readonly ids: readonly number[];
  /** One per label, in the order of the config's id2label. */
  readonly logits: readonly number[];
}

/** Row lengths are rounded up to this, so that few shapes exist. */
const padMultiple = 16;

const paddedLength = ({ maxPositions }: Classifier, examples: readonly TrainExample[]): number =>
  Math.min(maxPositions, Math.ceil(Math.max(...examples.map(({ ids }) => ids.length)) / padMultiple) * padMultiple);

const classifyGraph = (
  { model, attached }: ReadyModel<Classifier>,
  shape: { readonly batch: number; readonly length: number },
): Graph =>
  buildGraph({
    logits: classifierForward(model, attached?.adapter, shape, { training: false, recompute: false }).logits,
  });

/** What it takes to classify texts all at once. */
export function classifyingWork(loaded: ReadyModel<Classifier>, examples: readonly TrainExample[]): Work {
  if (examples.length === 0) return allOf([]);
  const shape = { batch: examples.length, length: paddedLength(loaded.model, examples) };
  return { graphs: [() => classifyGraph(loaded, shape)], hostBytes: 0, places: shape.batch * shape.length, writes: 0 };
}

/** Classifies texts in batches; lines come in the order of the examples. */
export async function* classify(
  loaded: ReadyModel<Classifier>,
  examples: readonly TrainExample[],
  options: { readonly batchSize: number },
): AsyncGenerator<ClassifiedLine> {
  const { model, programs } = loaded;
  for (let start = 0; start < examples.length; start += options.batchSize) {
    const rows = examples.slice(start, start + options.batchSize);
    const shape = { batch: rows.length, length: paddedLength(model, rows) };
    const program = await programs.get(`classify ${JSON.stringify(shape)}`, () => classifyGraph(loaded, shape));
    const batch = collate(
      rows.map((row) => [row]),
      shape.length,
      0,
    );
    const { logits } = await program.run(classifierFeeds(batch, model, program.graph));
    const count = model.labels.length;
    yield* rows.map(({ index, ids }, row) => ({
      index,
      ids: [...ids],
      logits: Array.from(logits?.data.slice(row * count, (row + 1) * count) ?? []),
    }));
  }
}
