import { collate } from '../data/batches.ts';
import type { TrainExample } from '../data/dataset.ts';
import { buildGraph, type Graph } from '../ir/graph.ts';
import type { AnyClassifier } from '../nn/model.ts';
import { readsOf } from './classifierReads.ts';
import type { ReadyModel } from './readyModel.ts';
import { allOf, type Work } from './work.ts';

/** One line of `tuneloop score` with a classifier. */
export interface ClassifiedLine {
  readonly index: number;
  /** Of texts. */
  readonly ids?: readonly number[];
  /** One per label, in the order of the config's id2label. */
  readonly logits: readonly number[];
}

const classifyGraph = (
  loaded: ReadyModel<AnyClassifier>,
  shape: { readonly batch: number; readonly length: number },
): Graph => {
  const options = { training: false, recompute: false };
  return buildGraph({ logits: readsOf(loaded).forward(loaded.attached?.adapter, shape, options).logits });
};

const longestOf = (examples: readonly TrainExample[]): number => Math.max(...examples.map(({ ids }) => ids.length));

/** What it takes to classify examples all at once. */
export function classifyingWork(loaded: ReadyModel<AnyClassifier>, examples: readonly TrainExample[]): Work {
  if (examples.length === 0) return allOf([]);
  const { padded, tokensPerId = 1 } = readsOf(loaded);
  const shape = { batch: examples.length, length: padded(longestOf(examples)) };
  const places = shape.batch * shape.length * tokensPerId;
  return { graphs: [() => classifyGraph(loaded, shape)], hostBytes: 0, places, writes: 0 };
}

/** Classifies examples in batches; lines come in their order. */
export async function* classify(
  loaded: ReadyModel<AnyClassifier>,
  examples: AsyncIterable<TrainExample> | Iterable<TrainExample>,
  options: { readonly batchSize: number },
): AsyncGenerator<ClassifiedLine> {
  const { model, programs } = loaded;
  const reads = readsOf(loaded);
  const count = model.labels.length;
  let rows: TrainExample[] = [];
  const flush = async (): Promise<ClassifiedLine[]> => {
    const shape = { batch: rows.length, length: reads.padded(longestOf(rows)) };
    const program = await programs.get(`classify ${JSON.stringify(shape)}`, () => classifyGraph(loaded, shape));
    const batch = collate(
      rows.map((row) => [row]),
      shape.length,
      0,
    );
    const { logits } = await program.run(reads.feeds(batch, program.graph));
    const lines = rows.map(({ index, ids }, row) => ({
      index,
      ...(reads.showsIds ? { ids: [...ids] } : {}),
      logits: Array.from(logits?.data.slice(row * count, (row + 1) * count) ?? []),
    }));
    rows = [];
    return lines;
  };
  for await (const example of examples) {
    rows.push(example);
    if (rows.length === options.batchSize) yield* await flush();
  }
  if (rows.length > 0) yield* await flush();
}
