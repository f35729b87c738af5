import { sum } from '../ir/ops/reduceSum.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { scalar } from '../ir/ops/constant.ts';
import type { LanguageModel } from '../nn/model.ts';
import type { SequenceObjective } from '../objectives/objective.ts';
import { tokenFeeds } from './feeds.ts';
import { forward, lossGraph } from './programs.ts';
import type { Update } from './update.ts';

/** What an update of a language model minimises: the mean of the objective over the sequences, one in each row. */
export function sequenceLoss(
  model: LanguageModel,
  objective: SequenceObjective,
): Update['task'] & { readonly counts: 'sequences' } {
  return {
    packed: false,
    counts: 'sequences',
    trainGraph: (adapter, shape, options) => {
      const embedding = objective.embedding?.bind(objective);
      const built = forward(model, adapter, shape, ['logprobs'], {
        training: true,
        recompute: options.recompute,
        ...(embedding ? { embedding } : {}),
      });
      const rows = [shape.batch, shape.length];
      const losses = objective.losses({
        logprobs: reshape(built.statistics.logprobs, rows),
        weights: reshape(built.weights, rows),
      });
      return lossGraph({ ...built, total: sum(losses), weight: scalar(shape.batch) }, adapter, options);
    },
    feeds: (batch) => tokenFeeds(batch, false),
  };
}
