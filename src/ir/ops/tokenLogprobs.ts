import type { Value } from '../graph.ts';
import { vocabularyStatistics } from './vocabulary.ts';

/** ln p(targets) [N] of hidden states [N, D] under a head [V, D]; logits are never stored whole. */
export function tokenLogprobs(hidden: Value, head: Value, targets: Value): Value {
  return vocabularyStatistics({ hidden, head }, ['logprobs'], { targets }).logprobs;
}
