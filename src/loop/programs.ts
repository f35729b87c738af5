import type { Adapter, DropoutInputs } from '../adapters/adapter.ts';
import { gradients } from '../ir/grad.ts';
import { at, buildGraph, type Graph, input, parameter, type Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { argmax } from '../ir/ops/argmax.ts';
import { embedding } from '../ir/ops/embedding.ts';
import { linear } from '../ir/ops/linear.ts';
import { mul } from '../ir/ops/mul.ts';
import { neg } from '../ir/ops/neg.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { stopGradient } from '../ir/ops/stopGradient.ts';
import { tanh } from '../ir/ops/tanh.ts';
import { vocabularyStatistics } from '../ir/ops/vocabulary.ts';
import type { LanguageModel, Model } from '../nn/model.ts';
import { plainSites, type Sites } from '../nn/sites.ts';
import type { Objective, TokenStatistic, TokenStatistics } from '../objectives/objective.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { dimAt, type Shape } from '../ir/types.ts';

/** Makes one leaf per name, on first use. */
function leafTable(make: (name: string) => Value): (name: string) => Value {
  const made = new Map<string, Value>();
  return (name) => {
    const known = made.get(name);
    if (known) return known;
    const leaf = make(name);
    made.set(name, leaf);
    return leaf;
  };
}

export function parameterTable(model: Model, adapter: Adapter | undefined): (name: string) => Value {
  const shapes = new Map(
    [...model.parameters, ...(adapter?.parameters ?? [])].map(({ name, shape }): [string, Shape] => [name, shape]),
  );
  return leafTable((name) => {
    const shape = shapes.get(name);
    if (!shape) throw new RangeError(`Expected a parameter of the model but found ${name}`);
    return parameter(name, shape);
  });
}

export interface TokenShape {
  readonly batch: number;
  readonly length: number;
  /** Rows hold several sequences that must not see each other. */
  readonly packed: boolean;
}

interface Forward<S extends TokenStatistic> {
  readonly statistics: Pick<TokenStatistics, S>;
  readonly weights: Value;
  readonly param: (name: string) => Value;
}

/** Statistics [N] of the fed targets and the weights that come with them. */
function forward<const S extends TokenStatistic>(
  model: LanguageModel,
  adapter: Adapter | undefined,
  shape: TokenShape,
  wanted: readonly S[],
  options: { readonly training: boolean; readonly recompute: boolean },
): Forward<S> {
  const { batch, length, packed } = shape;
  const tokens = leafTable((name) => input(name, 'i32', [batch, length]));
  const param = parameterTable(model, adapter);
  const dropout: { dropout: DropoutInputs } | undefined =
    adapter?.drops && options.training
      ? { dropout: { key: input('key', 'i32', [2]), examples: tokens('examples'), positions: tokens('positions') } }
      : undefined;
  const sites: Sites = adapter?.sites({ param, ...dropout }) ?? plainSites;
  const hidden = (through: Sites): Value => {
    const { hidden: states } = model.hidden({
      param,
      ids: tokens('ids'),
      positions: tokens('positions'),
      segments: packed ? tokens('segments') : null,
      positionLimit: length,
      sites: through,
      recompute: options.recompute,
    });
    return reshape(states, [batch * length, model.hiddenSize]);
  };
  const flat = (leaf: Value): Value => reshape(leaf, [batch * length]);
  const head = param(model.head);
  const compares = wanted.find((name) => name === 'klToReference' || name === 'klFromReference');
  if (compares !== undefined && adapter?.base === 'trained')
    throw new TypeError(`Expected a frozen base for ${compares}: training the model's own weights leaves no reference`);
  const shaping = model.logitsSoftCap === undefined ? {} : { softCap: model.logitsSoftCap };
  const reference =
    compares === undefined ? {} : { reference: { hidden: stopGradient(hidden(plainSites)), head, ...shaping } };
  const statistics = vocabularyStatistics({ hidden: hidden(sites), head, ...shaping }, wanted, {
    targets: flat(tokens('targets')),
    ...reference,
  });
  return { statistics, weights: flat(input('weights', 'f32', [batch, length])), param };
}

/** Name of the leaf and of the output that hold the gradient of a parameter. */
export const gradientName = (parameterName: string): string => `gradient of ${parameterName}`;

/**
 * Loss and gradients of one micro-batch. `normalizer` is one over the weights of the whole accumulation window, so the
 * losses and gradients of its micro-batches add up to those of one large batch. With `accumulate` the gradients are
 * added in place to those of the micro-batches before.
 */
export function trainGraph(
  model: LanguageModel,
  adapter: Adapter,
  objective: Objective,
  shape: TokenShape,
  options: { readonly accumulate: boolean; readonly recompute: boolean },
): Graph {
  const { statistics, weights, param } = forward(model, adapter, shape, objective.statistics, {
    training: true,
    recompute: options.recompute,
  });
  const masked = mul(objective.losses(statistics), weights);
  return lossGraph(sum(masked), adapter, param, options.accumulate);
}

/** The summed loss of a micro-batch times `normalizer`, and the gradients of what the adapter trains. */
export function lossGraph(total: Value, adapter: Adapter, param: (name: string) => Value, accumulate: boolean): Graph {
  const loss = mul(total, input('normalizer', 'f32', []));
  const names = adapter.parameters.map(({ name }) => name);
  const found = gradients(loss, names.map(param));
  const outputs: Record<string, Value> = { loss };
  const inPlace: Record<string, string> = {};
  names.forEach((name, i) => {
    const gradient = at(found, i);
    const target = gradientName(name);
    outputs[target] = accumulate ? add(parameter(target, gradient.type.shape), gradient) : gradient;
    if (accumulate) inPlace[target] = target;
  });
  return buildGraph(outputs, { inPlace });
}

/** Log-probabilities of the targets [B·T] and the weighted sum of their negatives. */
export function scoreGraph(model: LanguageModel, adapter: Adapter | undefined, shape: TokenShape): Graph {
  const { statistics, weights } = forward(model, adapter, shape, ['logprobs'], { training: false, recompute: false });
  const { logprobs } = statistics;
  return buildGraph({ logprobs, total: neg(sum(mul(logprobs, weights))) });
}

/** Names of the leaves of an update program, beside the rule's scalars. */
export const updateLeaves = {
  params: 'params',
  gradients: 'gradients',
  slot: (name: string): string => `slot ${name}`,
} as const;

/** One optimizer step over all trained parameters as one flat vector of `count` elements, in place. */
export function updateGraph({ transforms, rule }: Optimizer, count: number, learningRate: number): Graph {
  if (!rule.elementwise)
    throw new TypeError(`${rule.name} is not elementwise: it cannot update parameters as one vector`);
  const flat = (name: string): Value => parameter(name, [count]);
  let current: readonly Value[] = [flat(updateLeaves.gradients)];
  const outputs: Record<string, Value> = {};
  for (const transform of transforms) {
    const { gradients: transformed, metrics } = transform.apply(current);
    current = transformed;
    Object.assign(outputs, metrics);
  }
  const scalars = Object.fromEntries(
    Object.keys(rule.scalars(1, learningRate)).map((name) => [name, input(name, 'f32', [])]),
  );
  const slots = Object.fromEntries(rule.slots.map((name) => [name, [flat(updateLeaves.slot(name))]]));
  const result = rule.apply({ params: [flat(updateLeaves.params)], gradients: current, slots, scalars });
  const inPlace: Record<string, string> = { 'new params': updateLeaves.params };
  outputs['new params'] = at(result.params, 0);
  for (const name of rule.slots) {
    outputs[`new ${updateLeaves.slot(name)}`] = at(result.slots[name] ?? [], 0);
    inPlace[`new ${updateLeaves.slot(name)}`] = updateLeaves.slot(name);
  }
  return buildGraph(outputs, { inPlace });
}

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
  const outputs = model.hidden({
    param,
    ids: tokens('ids'),
    positions: tokens('positions'),
    segments: null,
    positionLimit: capacity,
    sites: adapter?.sites({ param }) ?? plainSites,
    cache: {
      keys: layers.map(({ keys }) => input(keys, 'f32', cacheShape)),
      values: layers.map(({ values }) => input(values, 'f32', cacheShape)),
      lengths: input('lengths', 'i32', [batch]),
      fresh,
    },
  });
  const rows = reshape(outputs.hidden, [batch * length, dimAt(outputs.hidden.type.shape, 2)]);
  // Prompts are padded on the right: the state of each row's last token is taken before the head.
  const last = length === 1 ? rows : embedding(rows, input('last', 'i32', [batch]));
  const product = linear(last, param(model.head));
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
