import type { Adapter } from '../adapters/adapter.ts';
import type { Batch } from '../data/batches.ts';
import { buildGraph, type Graph, input, type Value } from '../ir/graph.ts';
import { cast } from '../ir/ops/cast.ts';
import { scalar } from '../ir/ops/constant.ts';
import { div } from '../ir/ops/div.ts';
import { less } from '../ir/ops/less.ts';
import { maximum } from '../ir/ops/maximum.ts';
import { mul } from '../ir/ops/mul.ts';
import { mean } from '../ir/ops/reduceMean.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { stopGradient } from '../ir/ops/stopGradient.ts';
import type { LanguageModel } from '../nn/model.ts';
import type { PolicyObjective } from '../objectives/objective.ts';
import { tensor } from '../runtime/tensor.ts';
import { tokenFeeds } from './feeds.ts';
import { forward, lossGraph, type TokenShape } from './programs.ts';
import type { Update } from './update.ts';

/** What an update of a language model minimises: the mean of the objective over the model's own answers, one in each row; batches say what each is worth. */
export function policyLoss(
  model: LanguageModel,
  objective: PolicyObjective,
  {
    answersAreOld,
  }: { /** Whether the weights may have changed since the answers were given. */ readonly answersAreOld: boolean },
): Update['task'] & { readonly counts: 'sequences' } {
  return {
    packed: false,
    counts: 'sequences',
    trainGraph: (adapter, shape, options) => {
      const rows = [shape.batch, shape.length];
      const wanted = [
        'logprobs',
        'entropy',
        ...(objective.needsReference ? (['referenceLogprobs'] as const) : []),
      ] as const;
      const { temperature } = objective.answers;
      const passes = { training: true, recompute: options.recompute, temperature };
      const built = forward(model, adapter, shape, wanted, passes);
      const { statistics } = built;
      const weights = reshape(built.weights, rows);
      const mask = cast(less(scalar(0), weights), 'f32');
      const logprobs = reshape(statistics.logprobs, rows);
      const { losses, metrics } = objective.losses({
        logprobs,
        oldLogprobs: answersAreOld ? input('oldLogprobs', 'f32', rows) : stopGradient(logprobs),
        referenceLogprobs: objective.needsReference ? reshape(statistics.referenceLogprobs, rows) : null,
        mask,
        advantages: input('advantages', 'f32', [shape.batch, 1]),
      });
      const tokens = maximum(sum(mask), 1);
      const told = { ...metrics, entropy: reshape(statistics.entropy, rows) };
      const means = Object.entries(told).map(([name, value]) => ({
        kind: 'metric' as const,
        name,
        value: stopGradient(value.type.shape[1] === 1 ? mean(value) : div(sum(mul(value, mask)), tokens)),
      }));
      const total = sum(mul(losses, weights));
      return lossGraph(
        { ...built, total, weight: scalar(shape.batch), emitted: [...built.emitted, ...means] },
        adapter,
        options,
      );
    },
    feeds: (batch) => ({ ...tokenFeeds(batch, false), ...answeredFeeds(batch, answersAreOld) }),
  };
}

function answeredFeeds({ batch, length, answered }: Batch, old: boolean) {
  if (!answered) throw new TypeError('Expected a batch of answers but found one of prompts');
  const { advantages, oldLogprobs } = answered;
  const since = old && oldLogprobs ? { oldLogprobs: tensor('f32', [batch, length], oldLogprobs) } : {};
  return { advantages: tensor('f32', [batch, 1], advantages), ...since };
}

/** Log-probabilities of the tokens [B, T] at the temperature that answers are given at. */
export function answerScoreGraph(
  model: LanguageModel,
  adapter: Adapter | undefined,
  shape: TokenShape,
  temperature: number,
): Graph {
  const options = { training: false, recompute: false, temperature };
  const { statistics }: { statistics: { logprobs: Value } } = forward(model, adapter, shape, ['logprobs'], options);
  return buildGraph({ logprobs: statistics.logprobs });
}
