import type { Value } from '../ir/graph.ts';
import { gather } from '../ir/ops/gather.ts';
import { keepMask } from '../ir/ops/keepMask.ts';
import { mul } from '../ir/ops/mul.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { where } from '../ir/ops/where.ts';
import { hashName } from '../ir/random.ts';
import { dimAt, sizeOf } from '../ir/types.ts';
import type { AdapterContext } from './adapter.ts';

/** x / keep where a mask of the name keeps it, else 0; x itself outside of training. */
export function drop(x: Value, rate: number, name: string, { training }: AdapterContext): Value {
  if (rate === 0 || !training?.dropout) return x;
  const { key, examples, positions, places } = training.dropout;
  const keep = 1 - rate;
  const width = dimAt(x.type.shape, -1);
  const tokens = sizeOf(examples.type.shape);
  const mask = keepMask(key, examples, positions, { width, keep, stream: hashName(name) });
  const rows =
    places && sizeOf(x.type.shape) !== tokens * width ? gather(reshape(mask, [tokens, width]), places, 0) : mask;
  return mul(where(reshape(rows, x.type.shape), x, 0), 1 / keep);
}
