import type { Adapter } from '../adapters/adapter.ts';
import { buildGraph, type Graph, input, type Value } from '../ir/graph.ts';
import { cast } from '../ir/ops/cast.ts';
import { constant, scalar } from '../ir/ops/constant.ts';
import { equal } from '../ir/ops/equal.ts';
import { less } from '../ir/ops/less.ts';
import { mul } from '../ir/ops/mul.ts';
import { mean } from '../ir/ops/reduceMean.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { stopGradient } from '../ir/ops/stopGradient.ts';
import { sub } from '../ir/ops/sub.ts';
import type { Emission } from '../nn/emissions.ts';
import type { LanguageModel } from '../nn/model.ts';
import type { Answer, PairObjective } from '../objectives/objective.ts';
import { forward, lossGraph, type TokenShape, type TrainGraphOptions } from './programs.ts';

interface ComparedPairs extends ReturnType<PairObjective['losses']> {
  readonly param: (name: string) => Value;
  readonly emitted: readonly Emission[];
}

/** The losses of a batch with one pair in each row: the chosen answer is segment 0, the rejected one segment 1. */
function compare(
  model: LanguageModel,
  adapter: Adapter | undefined,
  objective: PairObjective,
  { batch, length }: TokenShape,
  options: { readonly training: boolean; readonly recompute: boolean },
): ComparedPairs {
  const shape = { batch, length, packed: true };
  const wanted: readonly ('logprobs' | 'referenceLogprobs')[] = objective.needsReference
    ? ['logprobs', 'referenceLogprobs']
    : ['logprobs'];
  const built = forward(model, adapter, shape, wanted, options);
  const { statistics, param, emitted } = built;
  const rows = (flat: Value): Value => reshape(flat, [batch, length]);
  const segments = built.tokens('segments');
  // A segment's last token has no target of its own.
  const followed = input('followed', 'f32', [batch, length]);
  const [logprobs, weights] = [rows(statistics.logprobs), rows(built.weights)];
  const references = objective.needsReference ? rows(statistics.referenceLogprobs) : null;
  const answer = (segment: number): Answer => {
    const own = cast(equal(segments, constant('i32', [], [segment])), 'f32');
    const [learned, all] = [mul(own, weights), mul(own, followed)];
    const over = (values: Value, mask: Value): Value => sum(mul(values, mask), [1]);
    return {
      logprobs: over(logprobs, learned),
      tokens: sum(learned, [1]),
      allLogprobs: over(logprobs, all),
      allTokens: sum(all, [1]),
      referenceLogprobs: references && over(references, learned),
    };
  };
  return { param, emitted, ...objective.losses({ chosen: answer(0), rejected: answer(1) }) };
}

/** What is looked at while training on pairs, each the mean over the pairs of a batch; TRL's names of them. */
function figures({ rewards: { chosen, rejected } }: Pick<ComparedPairs, 'rewards'>): Readonly<Record<string, Value>> {
  return {
    rewardChosen: mean(chosen),
    rewardRejected: mean(rejected),
    rewardMargin: mean(sub(chosen, rejected)),
    rewardAccuracy: mean(cast(less(rejected, chosen), 'f32')),
  };
}

/** Loss and gradients of one micro-batch of pairs. */
export function pairTrainGraph(
  model: LanguageModel,
  adapter: Adapter,
  objective: PairObjective,
  shape: TokenShape,
  options: TrainGraphOptions,
): Graph {
  const compared = compare(model, adapter, objective, shape, { training: true, recompute: options.recompute });
  const { param, emitted } = compared;
  const metrics = Object.entries(figures(compared)).map(([name, value]) => ({
    kind: 'metric' as const,
    name,
    value: stopGradient(value),
  }));
  const all = { total: sum(compared.losses), weight: scalar(shape.batch), param, emitted: [...emitted, ...metrics] };
  return lossGraph(all, adapter, options);
}

/** Sum of the losses of a batch of pairs, and the share that is the right way round. */
export function pairScoreGraph(
  model: LanguageModel,
  adapter: Adapter | undefined,
  objective: PairObjective,
  shape: TokenShape,
): Graph {
  const compared = compare(model, adapter, objective, shape, { training: false, recompute: false });
  const { rewardAccuracy, rewardMargin } = figures(compared);
  return buildGraph({
    total: sum(compared.losses),
    ...(rewardAccuracy && { rewardAccuracy }),
    ...(rewardMargin && { rewardMargin }),
  });
}
