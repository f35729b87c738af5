import type { Value } from '../ir/graph.ts';
import { keepMask } from '../ir/ops/keepMask.ts';
import { mul } from '../ir/ops/mul.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { where } from '../ir/ops/where.ts';
import { hashName } from '../ir/random.ts';
import { dimAt } from '../ir/types.ts';
import type { AdapterContext } from './adapter.ts';

/** x / keep where a mask of the name keeps it, else 0; x itself outside of training. */
export function drop(x: Value, rate: number, name: string, { training }: AdapterContext): Value {
  if (rate === 0 || !training?.dropout) return x;
  const { key, examples, positions } = training.dropout;
  const keep = 1 - rate;
  const width = dimAt(x.type.shape, -1);
  const mask = keepMask(key, examples, positions, { width, keep, stream: hashName(name) });
  return mul(where(reshape(mask, x.type.shape), x, 0), 1 / keep);
}
