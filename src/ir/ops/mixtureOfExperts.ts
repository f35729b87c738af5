import type { Value } from '../graph.ts';
import { dimAt, formatType } from '../types.ts';
import { add } from './add.ts';
import { div } from './div.ts';
import { gather } from './gather.ts';
import { mul } from './mul.ts';
import { oneHot } from './oneHot.ts';
import { mean } from './reduceMean.ts';
import { sum } from './reduceSum.ts';
import { reshape } from './reshape.ts';
import { scatterAddRows } from './scatterAddRows.ts';
import { slice } from './slice.ts';
import { softmax } from './softmax.ts';
import { stopGradient } from './stopGradient.ts';
import { topK } from './topK.ts';

export interface Routing {
  /** [N, E]: how much of each expert's output a token gets; 0 for experts that were not chosen. */
  readonly weights: Value;
  /** Softmax of the router, [N, E]. */
  readonly probabilities: Value;
  /** 1 where a token chose an expert, else 0, [N, E]. */
  readonly chosen: Value;
}

/** The k most probable experts of each token by router scores [N, E]; their weights add up to 1 where `normalize`. */
export function route(logits: Value, k: number, normalize = true): Routing {
  const experts = dimAt(logits.type.shape, -1);
  const probabilities = softmax(logits);
  const { indices } = topK(probabilities, k);
  const chosen = stopGradient(sum(oneHot(indices, experts), [-2]));
  const weights = mul(probabilities, chosen);
  return { weights: normalize ? div(weights, sum(weights, [-1], true)) : weights, probabilities, chosen };
}

/** E Σ_e f_e P_e with f the share of choices and P the mean probability: 1 when balanced (Fedus et al. 2022, eq. 4, over k choices). */
export function balanceLoss({ probabilities, chosen }: Routing): Value {
  const experts = dimAt(chosen.type.shape, -1);
  const share = div(sum(chosen, [0]), sum(chosen));
  return mul(sum(mul(share, mean(probabilities, [0]))), experts);
}

/**
 * Σ_e w_e expert_e(x) for x [N, D]: each expert runs on the `capacity` tokens that weigh it most. No token is lost
 * where no expert is chosen more often than that; a capacity of N (the default) runs every expert on all and never loses one.
 */
export function mixtureOfExperts(
  x: Value,
  { weights }: Routing,
  expert: (rows: Value, index: number) => Value,
  capacity: number = dimAt(x.type.shape, 0),
): Value {
  const tokens = dimAt(x.type.shape, 0);
  const experts = dimAt(weights.type.shape, 1);
  if (x.type.shape.length !== 2 || dimAt(weights.type.shape, 0) !== tokens) {
    throw new RangeError(
      `mixtureOfExperts: expected x [N, D] and weights [N, E] but found ${formatType(x.type)} and ${formatType(weights.type)}`,
    );
  }
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > tokens) {
    throw new RangeError(`mixtureOfExperts: expected a capacity in [1, ${tokens}] but found ${capacity}`);
  }
  const outputs = Array.from({ length: experts }, (_, index) => {
    const column = slice(weights, 1, index, index + 1);
    if (capacity === tokens) return mul(expert(x, index), column);
    const { values, indices } = topK(reshape(column, [tokens]), capacity);
    const rows = mul(expert(gather(x, indices, 0), index), reshape(values, [capacity, 1]));
    return scatterAddRows(indices, rows, tokens);
  });
  return outputs.reduce((total, output) => add(total, output));
}
