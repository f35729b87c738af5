import type { Value } from '../ir/graph.ts';
import { concat } from '../ir/ops/concat.ts';
import { scalar } from '../ir/ops/constant.ts';
import { less } from '../ir/ops/less.ts';
import { mul } from '../ir/ops/mul.ts';
import { slice } from '../ir/ops/slice.ts';
import { where } from '../ir/ops/where.ts';

/**
 * The token that a model takes for likeliest at each place that is learned, the given one elsewhere: ids, the likeliest next
 * token after each place and the weights of next tokens, all [B, T].
 */
export function predictedTokens(ids: Value, likeliest: Value, weights: Value): Value {
  const length = ids.type.shape[1] ?? 0;
  const before = (values: Value): Value => slice(values, 1, 0, length - 1);
  const first = slice(ids, 1, 0, 1);
  const learned = concat([mul(slice(weights, 1, 0, 1), 0), before(weights)], 1);
  return where(less(scalar(0), learned), concat([first, before(likeliest)], 1), ids);
}
