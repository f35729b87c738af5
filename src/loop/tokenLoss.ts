import type { LanguageModel } from '../nn/model.ts';
import type { Objective } from '../objectives/objective.ts';
import { tokenFeeds } from './feeds.ts';
import { trainGraph } from './programs.ts';
import type { Update } from './update.ts';

/** What an update of a language model minimises: the objective over the learned tokens of a batch. */
export function tokenLoss(model: LanguageModel, objective: Objective, packed: boolean): Update['task'] {
  return {
    packed,
    trainGraph: (adapter, shape, options) => trainGraph(model, adapter, objective, shape, options),
    feeds: (batch) => tokenFeeds(batch, packed),
  };
}
