import type { Batch } from '../data/batches.ts';
import { type Graph, input, type Value } from '../ir/graph.ts';
import type { Adapter, DropoutInputs } from '../adapters/adapter.ts';
import { cast } from '../ir/ops/cast.ts';
import { constant } from '../ir/ops/constant.ts';
import { lessEqual } from '../ir/ops/lessEqual.ts';
import { type Emission, makeEmissions } from '../nn/emissions.ts';
import type { Classifier } from '../nn/model.ts';
import { plainSites } from '../nn/sites.ts';
import { leafTable, parameterTable, replacedTable } from './programLeaves.ts';
import type { Tensors } from '../runtime/engine.ts';
import { tensor } from '../runtime/tensor.ts';

export interface ClassifierShape {
  readonly batch: number;
  readonly length: number;
}

export interface ClassifierForward {
  /** [B, labels] */
  readonly logits: Value;
  readonly param: (name: string) => Value;
  /** What the adapter's wraps emitted. */
  readonly emitted: readonly Emission[];
}

/** Logits of a batch with one sequence in each row. */
export function classifierForward(
  model: Classifier,
  adapter: Adapter | undefined,
  { batch, length }: ClassifierShape,
  options: { readonly training: boolean; readonly recompute: boolean },
): ClassifierForward {
  const tokens = leafTable((name) => input(name, 'i32', [batch, length]));
  const places = input('places', 'i32', [batch]);
  const [positions, segments] = [tokens('positions'), tokens('segments')];
  const dropout: { dropout: DropoutInputs } | undefined = adapter?.drops
    ? { dropout: { key: input('key', 'i32', [2]), examples: tokens('examples'), positions, places } }
    : undefined;
  const weights = cast(lessEqual(constant('i32', [], [0]), segments), 'f32');
  const training = options.training ? { training: { weights, ...dropout } } : {};
  const param = parameterTable(model, adapter);
  const emissions = makeEmissions();
  const inputs = {
    param: replacedTable(param, adapter),
    ids: tokens('ids'),
    positions,
    segments,
    tokenTypes: tokens('token types'),
    positionLimit: length,
    sites: adapter?.sites({ param, emissions, ...training }) ?? plainSites,
    emissions,
    recompute: options.recompute,
  };
  return { logits: model.logits(inputs, places), param, emitted: emissions.all() };
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
