import type { Adapter, DropoutInputs } from '../adapters/adapter.ts';
import { gradients } from '../ir/grad.ts';
import { at, buildGraph, type Graph, input, parameter, type Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { mul } from '../ir/ops/mul.ts';
import { neg } from '../ir/ops/neg.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { stopGradient } from '../ir/ops/stopGradient.ts';
import { vocabularyStatistics } from '../ir/ops/vocabulary.ts';
import { type Emission, makeEmissions } from '../nn/emissions.ts';
import type { LanguageModel } from '../nn/model.ts';
import { plainSites, type Site, type Sites, wrapSites } from '../nn/sites.ts';
import type { Objective, TokenStatistic, TokenStatistics } from '../objectives/objective.ts';
import { predictedTokens } from './predictedTokens.ts';
import { headOf, leafTable, parameterTable, replacedTable } from './programLeaves.ts';

export interface TokenShape {
  readonly batch: number;
  readonly length: number;
  /** Rows hold several sequences that must not see each other. */
  readonly packed: boolean;
}

interface Forward<S extends TokenStatistic> {
  readonly statistics: Pick<TokenStatistics, S>;
  readonly weights: Value;
  /** Leaves i32 [B, T]. */
  readonly tokens: (name: string) => Value;
  readonly param: (name: string) => Value;
  /** What the adapter's wraps emitted. */
  readonly emitted: readonly Emission[];
}

const referenceStatistics: ReadonlySet<TokenStatistic> = new Set([
  'klToReference',
  'klFromReference',
  'referenceLogprobs',
]);

export interface ForwardOptions {
  readonly training: boolean;
  readonly recompute: boolean;
  /** How tokens are embedded, from the model's own tokens, as `SequenceObjective` has it. */
  readonly embedding?: (predicted: Value) => Site<'embedding'>;
  /** Divides the logits, the reference's too; 1 unless given. */
  readonly temperature?: number;
}

/** Statistics [N] of the fed targets and the weights that come with them. */
export function forward<const S extends TokenStatistic>(
  model: LanguageModel,
  adapter: Adapter | undefined,
  shape: TokenShape,
  wanted: readonly S[],
  options: ForwardOptions,
): Forward<S> {
  const { batch, length, packed } = shape;
  const { temperature = 1 } = options;
  const tokens = leafTable((name) => input(name, 'i32', [batch, length]));
  const param = parameterTable(model, adapter);
  const emissions = makeEmissions();
  const weights = input('weights', 'f32', [batch, length]);
  const dropout: { dropout: DropoutInputs } | undefined = adapter?.drops
    ? { dropout: { key: input('key', 'i32', [2]), examples: tokens('examples'), positions: tokens('positions') } }
    : undefined;
  const training = options.training ? { training: { weights, ...dropout } } : {};
  const sites: Sites = adapter?.sites({ param, emissions, ...training }) ?? plainSites;
  const hidden = (through: Sites, named: (name: string) => Value, emitted?: typeof emissions): Value => {
    const { hidden: states } = model.hidden({
      param: named,
      ids: tokens('ids'),
      positions: tokens('positions'),
      segments: packed ? tokens('segments') : null,
      positionLimit: length,
      sites: through,
      ...(emitted ? { emissions: emitted } : {}),
      recompute: options.recompute,
    });
    return reshape(states, [batch * length, model.hiddenSize]);
  };
  const flat = (leaf: Value): Value => reshape(leaf, [batch * length]);
  const compares = wanted.find((name) => referenceStatistics.has(name));
  const ofModel = new Set(model.parameters.map(({ name }) => name));
  if (compares !== undefined && adapter?.parameters.some(({ name }) => ofModel.has(name)) === true)
    throw new TypeError(`Expected a frozen base for ${compares}: training the model's own weights leaves no reference`);
  const shaping = model.logitsSoftCap === undefined ? {} : { softCap: model.logitsSoftCap };
  const reference =
    compares === undefined
      ? undefined
      : { hidden: stopGradient(hidden(plainSites, param)), head: param(model.head), ...shaping };
  const mixed = (): Sites => {
    if (!options.embedding) return sites;
    // A pass of its own: what it emits counts once.
    const first = adapter?.sites({ param, emissions: makeEmissions(), ...training }) ?? plainSites;
    const { x, weight } = headOf(model, adapter, {
      x: hidden(first, replacedTable(param, adapter)),
      param,
      sites: first,
    });
    const { topK } = vocabularyStatistics({ hidden: x, head: weight, ...shaping }, ['topK'], { k: 1 });
    const likeliest = reshape(topK.indices, [batch, length]);
    return wrapSites({ embedding: options.embedding(predictedTokens(tokens('ids'), likeliest, weights)) }, sites);
  };
  const rows = hidden(mixed(), replacedTable(param, adapter), emissions);
  const head = headOf(model, adapter, { x: rows, param, sites });
  const targets = flat(tokens('targets'));
  const own = wanted.flatMap((name: TokenStatistic) => (name === 'referenceLogprobs' ? [] : [name]));
  const compared = reference ? { reference } : {};
  const found = vocabularyStatistics({ hidden: head.x, head: head.weight, ...shaping }, own, {
    targets,
    temperature,
    ...compared,
  });
  const statistics =
    reference && own.length < wanted.length
      ? {
          ...found,
          referenceLogprobs: vocabularyStatistics(reference, ['logprobs'], { targets, temperature }).logprobs,
        }
      : found;
  return {
    statistics: statistics as Pick<TokenStatistics, S>,
    weights: flat(weights),
    tokens,
    param,
    emitted: emissions.all(),
  };
}

/** Name of the leaf and of the output that hold the gradient of a parameter. */
export const gradientName = (parameterName: string): string => `gradient of ${parameterName}`;

/** Names of the outputs of a train program beside the loss and the gradients. */
export const emissionNames = {
  loss: (name: string): string => `term ${name}`,
  metric: (name: string): string => `metric ${name}`,
  state: (name: string): string => `new ${name}`,
} as const;

/** Sums or means of scalars of one name. */
function byName(
  values: readonly { readonly name: string; readonly value: Value }[],
  mean: boolean,
): Map<string, Value> {
  const names = [...new Set(values.map(({ name }) => name))];
  return new Map(
    names.map((name) => {
      const group = values.filter((each) => each.name === name);
      const total = group.map(({ value }) => value).reduce((a, b) => add(a, b));
      return [name, mean ? mul(total, 1 / group.length) : total];
    }),
  );
}

export interface TrainGraphOptions {
  /** The gradients are added in place to those of the micro-batches before. */
  readonly accumulate: boolean;
  readonly recompute: boolean;
  /** The trained parameters that gradients are taken for; all unless given. */
  readonly parameters?: readonly string[];
  /** Whether the adapter's states take their new values; yes unless given. */
  readonly states?: boolean;
}

/** What a micro-batch comes to before its window is known. */
export interface BatchLoss {
  /** Sum of the weighted losses. */
  readonly total: Value;
  /** Sum of the weights. */
  readonly weight: Value;
  readonly param: (name: string) => Value;
  /** What the adapter's wraps emitted. */
  readonly emitted: readonly Emission[];
}

/** Loss and gradients of one micro-batch of tokens. */
export function trainGraph(
  model: LanguageModel,
  adapter: Adapter,
  objective: Objective,
  shape: TokenShape,
  options: TrainGraphOptions,
): Graph {
  const { recompute } = options;
  const built = forward(model, adapter, shape, objective.statistics, { training: true, recompute });
  const { statistics, weights, param, emitted } = built;
  const total = sum(mul(objective.losses(statistics), weights));
  return lossGraph({ total, weight: sum(weights), param, emitted }, adapter, options);
}

/**
 * Loss and gradients of one micro-batch. `normalizer` is one over the weights of the whole accumulation window, so the
 * losses and gradients of its micro-batches add up to those of one large batch. What wraps emit counts by the
 * micro-batch's share of those weights: a mean over its tokens adds up to the window's.
 */
export function lossGraph(
  { total, weight, param, emitted }: BatchLoss,
  adapter: Adapter,
  options: Omit<TrainGraphOptions, 'recompute'>,
): Graph {
  const normalizer = input('normalizer', 'f32', []);
  const share = mul(weight, normalizer);
  const outputs: Record<string, Value> = {};
  const inPlace: Record<string, string> = {};
  let loss = mul(total, normalizer);
  const terms = emitted.filter((emission) => emission.kind === 'loss');
  for (const term of terms) loss = add(loss, mul(mul(term.value, share), term.weight));
  outputs['loss'] = loss;
  for (const [name, value] of byName(terms, false)) outputs[emissionNames.loss(name)] = mul(value, share);
  const metrics = emitted.filter(({ kind }) => kind === 'metric');
  for (const [name, value] of byName(metrics, true)) outputs[emissionNames.metric(name)] = mul(value, share);
  for (const { kind, name, value } of emitted) {
    if (kind !== 'state' || options.states === false) continue;
    outputs[emissionNames.state(name)] = stopGradient(value);
    inPlace[emissionNames.state(name)] = name;
  }
  const names = options.parameters ?? adapter.parameters.map(({ name }) => name);
  const found = gradients(loss, names.map(param));
  names.forEach((name, i) => {
    const gradient = at(found, i);
    const target = gradientName(name);
    outputs[target] = options.accumulate ? add(parameter(target, gradient.type.shape), gradient) : gradient;
    if (options.accumulate) inPlace[target] = target;
  });
  return buildGraph(outputs, { inPlace });
}

/** Log-probabilities of the targets [B·T] and the weighted sum of their negatives. */
export function scoreGraph(model: LanguageModel, adapter: Adapter | undefined, shape: TokenShape): Graph {
  const { statistics, weights } = forward(model, adapter, shape, ['logprobs'], { training: false, recompute: false });
  const { logprobs } = statistics;
  return buildGraph({ logprobs, total: neg(sum(mul(logprobs, weights))) });
}
