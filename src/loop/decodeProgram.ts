import type { Adapter } from '../adapters/adapter.ts';
import { at, buildGraph, type Graph, input, type Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { argmax } from '../ir/ops/argmax.ts';
import { constant } from '../ir/ops/constant.ts';
import { embedding } from '../ir/ops/embedding.ts';
import { linear } from '../ir/ops/linear.ts';
import { mul } from '../ir/ops/mul.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { tanh } from '../ir/ops/tanh.ts';
import { dimAt } from '../ir/types.ts';
import { makeEmissions } from '../nn/emissions.ts';
import type { LanguageModel } from '../nn/model.ts';
import { plainSites } from '../nn/sites.ts';
import { headOf, leafTable, parameterTable, replacedTable } from './programLeaves.ts';

export interface DecodeShape {
  readonly batch: number;
  /** New tokens per row: the prompt's length, then 1. */
  readonly length: number;
  /** Tokens that the cache can hold. */
  readonly capacity: number;
  readonly fresh: boolean;
  /** Whether the program returns logits beside the most likely token. */
  readonly logits: boolean;
}

export const cacheNames = (layer: number): { readonly keys: string; readonly values: string } => ({
  keys: `keys ${layer}`,
  values: `values ${layer}`,
});

/** One step of generation: new tokens into the cache, then the most likely next token of each row (and its logits). */
export function decodeGraph(model: LanguageModel, adapter: Adapter | undefined, shape: DecodeShape): Graph {
  const { batch, length, capacity, fresh } = shape;
  const param = parameterTable(model, adapter);
  const tokens = leafTable((name) => input(name, 'i32', [batch, length]));
  const cacheShape = [batch, model.kvHeads, capacity, model.headWidth];
  const layers = Array.from({ length: model.layers }, (_, layer) => cacheNames(layer));
  const emissions = makeEmissions();
  const sites = adapter?.sites({ param, emissions }) ?? plainSites;
  const lengths = input('lengths', 'i32', [batch]);
  const prefix = adapter?.prefixTokens ?? 0;
  const outputs = model.hidden({
    param: replacedTable(param, adapter),
    ids: tokens('ids'),
    positions: tokens('positions'),
    segments: null,
    positionLimit: capacity,
    sites,
    emissions,
    cache: {
      keys: layers.map(({ keys }) => input(keys, 'f32', cacheShape)),
      values: layers.map(({ values }) => input(values, 'f32', cacheShape)),
      lengths: prefix === 0 ? lengths : add(lengths, constant('i32', [1], [prefix])),
      fresh,
    },
  });
  const rows = reshape(outputs.hidden, [batch * length, dimAt(outputs.hidden.type.shape, 2)]);
  // Prompts are padded on the right: the state of each row's last token is taken before the head.
  const last = length === 1 ? rows : embedding(rows, input('last', 'i32', [batch]));
  const head = headOf(model, adapter, { x: last, param, sites });
  const product = linear(head.x, head.weight);
  const cap = model.logitsSoftCap;
  const logits = cap === undefined ? product : mul(tanh(mul(product, 1 / cap)), cap);
  const named: Record<string, Value> = { next: argmax(logits), ...(shape.logits ? { logits } : {}) };
  const inPlace: Record<string, string> = {};
  layers.forEach(({ keys, values }, layer) => {
    named[`new ${keys}`] = at(outputs.keys, layer);
    named[`new ${values}`] = at(outputs.values, layer);
    inPlace[`new ${keys}`] = keys;
    inPlace[`new ${values}`] = values;
  });
  return buildGraph(named, { inPlace });
}
