import type { Value } from '../graph.ts';
import { dimAt } from '../types.ts';
import { add } from './add.ts';
import { mul } from './mul.ts';
import { mean } from './reduceMean.ts';
import { reshape } from './reshape.ts';
import { rsqrt } from './rsqrt.ts';
import { sub } from './sub.ts';
import { variance } from './variance.ts';

export interface BatchStatistics {
  /** [C] */
  readonly mean: Value;
  /** [C], of the population. */
  readonly variance: Value;
}

/** Mean and variance of each channel of x [N, C, …] over all other axes. */
export function batchStatistics(x: Value): BatchStatistics {
  const axes = x.type.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  return { mean: mean(x, axes), variance: variance(x, axes) };
}

/**
 * w (x - mean) / √(variance + ε) + b per channel of x [N, C, …] (Ioffe & Szegedy 2015, algorithm 1): with
 * `batchStatistics` in training, gradients passing through them, and with running ones afterwards.
 */
export function batchNorm(x: Value, statistics: BatchStatistics, weight: Value, bias: Value, eps = 1e-5): Value {
  const perChannel = (value: Value): Value =>
    reshape(value, [dimAt(x.type.shape, 1), ...x.type.shape.slice(2).map(() => 1)]);
  const scale = mul(weight, rsqrt(add(statistics.variance, eps)));
  return add(mul(sub(x, perChannel(statistics.mean)), perChannel(scale)), perChannel(bias));
}
