import { collate } from '../data/batches.ts';
import type { TrainExample } from '../data/dataset.ts';
import { buildGraph } from '../ir/graph.ts';
import type { Classifier } from '../nn/model.ts';
import { classifierFeeds, classifierForward } from './classifierPrograms.ts';
import type { ReadyModel } from './readyModel.ts';

/** One line of `tuneloop score` with a classifier. */
export interface ClassifiedLine {
  readonly index: number;
  readonly ids: readonly number[];
  /** One per label, in the order of the config's id2label. */
  readonly logits: readonly number[];
}

/** Row lengths are rounded up to this, so that few shapes exist. */
const padMultiple = 16;

/** Classifies texts in batches; lines come in the order of the examples. */
export async function* classify(
  { model, programs, attached }: ReadyModel<Classifier>,
  examples: readonly TrainExample[],
  options: { readonly batchSize: number },
): AsyncGenerator<ClassifiedLine> {
  for (let start = 0; start < examples.length; start += options.batchSize) {
    const rows = examples.slice(start, start + options.batchSize);
    const longest = Math.max(...rows.map(({ ids }) => ids.length));
    const length = Math.min(model.maxPositions, Math.ceil(longest / padMultiple) * padMultiple);
    const shape = { batch: rows.length, length };
    const program = await programs.get(`classify ${JSON.stringify(shape)}`, () => {
      const options = { training: false, recompute: false };
      return buildGraph({ logits: classifierForward(model, attached?.adapter, shape, options).logits });
    });
    const batch = collate(
      rows.map((row) => [row]),
      length,
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
