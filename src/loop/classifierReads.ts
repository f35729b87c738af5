import type { Adapter } from '../adapters/adapter.ts';
import type { Batch } from '../data/batches.ts';
import type { TrainExample } from '../data/dataset.ts';
import type { Hash64 } from '../data/hash.ts';
import type { Row } from '../data/reader.ts';
import type { Json } from '../hub/python-text.ts';
import type { Graph } from '../ir/graph.ts';
import { type AnyClassifier, readsImages } from '../nn/model.ts';
import type { Tensors } from '../runtime/engine.ts';
import type { ClassifierForward, ClassifierShape } from './classifierPrograms.ts';
import { imageReads } from './imageReads.ts';
import type { ReadyModel } from './readyModel.ts';
import { textReads } from './textReads.ts';

/** What a row says: the example without its label, and the label as it stands there. */
export interface ReadRow {
  readonly example: TrainExample;
  readonly label: Json | undefined;
  readonly truncated: boolean;
  /** Equal for what is the same to the model. */
  readonly key: Hash64;
}

/** What a classifier reads, texts or images: how rows become examples, and what programs compute of them. */
export interface ClassifierReads {
  /** Errors name the row. */
  read(row: Row, options: { readonly maxLength: number }): Promise<ReadRow>;
  forward(
    adapter: Adapter | undefined,
    shape: ClassifierShape,
    options: { readonly training: boolean; readonly recompute: boolean },
  ): ClassifierForward;
  /** What a program reads of a batch. */
  feeds(batch: Batch, graph: Graph): Tensors;
  /** Length of a batch of examples of which the longest has so many ids. */
  padded(longest: number): number;
  /** How many examples of what size, in words. */
  counted(lengths: Uint32Array): string;
  /** One example for people: line by line, and in one. */
  lines(example: TrainExample): string[];
  text(example: TrainExample): string;
  /** Whether lines of scores show the ids: tokens, not pixels. */
  readonly showsIds: boolean;
  /** Set where every example is as long as the others: tokens that the model makes of each id. */
  readonly tokensPerId?: number;
}

/** Texts or images, as the model takes. */
export function readsOf({ model, ...loaded }: ReadyModel<AnyClassifier>): ClassifierReads {
  return readsImages(model) ? imageReads({ ...loaded, model }) : textReads({ ...loaded, model });
}

/** Rows for a classifier as examples without labels, texts cut to `maxLength`. */
export async function* examplesToClassify(
  rows: Iterable<Row>,
  loaded: ReadyModel<AnyClassifier>,
  { maxLength = Infinity }: { readonly maxLength?: number | undefined },
): AsyncGenerator<TrainExample> {
  const reads = readsOf(loaded);
  for (const row of rows) yield (await reads.read(row, { maxLength })).example;
}
