import type { Batch } from '../data/batches.ts';
import { type Graph, input, type Value } from '../ir/graph.ts';
import type { Classifier } from '../nn/model.ts';
import type { Emissions } from '../nn/emissions.ts';
import type { Sites } from '../nn/sites.ts';
import type { Tensors } from '../runtime/engine.ts';
import { tensor } from '../runtime/tensor.ts';

export interface ClassifierShape {
  readonly batch: number;
  readonly length: number;
}

/** Logits [B, labels] of a batch with one sequence in each row. */
export function logitsOf(
  model: Classifier,
  { batch, length }: ClassifierShape,
  {
    param,
    sites,
    emissions,
    recompute,
  }: {
    readonly param: (name: string) => Value;
    readonly sites: Sites;
    readonly emissions?: Emissions;
    readonly recompute: boolean;
  },
): Value {
  const tokens = (name: string): Value => input(name, 'i32', [batch, length]);
  const inputs = {
    param,
    ids: tokens('ids'),
    positions: tokens('positions'),
    segments: tokens('segments'),
    tokenTypes: tokens('token types'),
    positionLimit: length,
    sites,
    ...(emissions ? { emissions } : {}),
    recompute,
  };
  return model.logits(inputs, input('places', 'i32', [batch]));
}

/** What a classifier's program reads of a batch. */
export function classifierFeeds(batch: Batch, model: Classifier, { leaves }: Graph): Tensors {
  const shape = [batch.batch, batch.length];
  const places = Int32Array.from({ length: batch.batch }, (_, row) => {
    const start = row * batch.length;
    if (model.reads === 'first') return start;
    return start + batch.segments.subarray(start, start + batch.length).lastIndexOf(0);
  });
  const { tokenTypes = new Int32Array(batch.ids.length), labels = new Float32Array(0) } = batch.classified ?? {};
  const feeds = {
    ids: tensor('i32', shape, batch.ids),
    positions: tensor('i32', shape, batch.positions),
    segments: tensor('i32', shape, batch.segments),
    'token types': tensor('i32', shape, tokenTypes),
    places: tensor('i32', [batch.batch], places),
    ...(labels.length === 0 ? {} : { labels: tensor('f32', [batch.batch, model.labels.length], labels) }),
  };
  const read = new Set(leaves.map(({ name }) => name));
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => read.has(name)));
}
