import { at, type Value } from '../ir/graph.ts';
import { attention } from '../ir/ops/attention.ts';
import { broadcastTo } from '../ir/ops/broadcastTo.ts';
import { cachedAttention } from '../ir/ops/cachedAttention.ts';
import { concat } from '../ir/ops/concat.ts';
import { constant, scalar } from '../ir/ops/constant.ts';
import { equal } from '../ir/ops/equal.ts';
import { and } from '../ir/ops/and.ts';
import { pad } from '../ir/ops/pad.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { slice } from '../ir/ops/slice.ts';
import { where } from '../ir/ops/where.ts';
import { dimAt } from '../ir/types.ts';
import type { ModelCache } from './model.ts';
import type { PositionBias } from './positionBias.ts';
import type { KeyValuePrefix, SiteOperands } from './sites.ts';

export interface AttendOptions {
  readonly segments: Value | null;
  readonly cache: ModelCache | undefined;
  readonly layer: number;
  /** Takes the caches with the new tokens, where there was a cache. */
  readonly remember: (layer: number, caches: { readonly keys: Value; readonly values: Value }) => void;
  readonly scale?: number;
  readonly window?: number;
  readonly softCap?: number;
  /** Added to the scores by the places of query and key; the prefix has the first ones. */
  readonly bias?: PositionBias;
}

/** Rows of the prefix before those of x [B, T, H, width]. */
function before(rows: Value, x: Value): Value {
  const shape = [dimAt(x.type.shape, 0), ...rows.type.shape];
  return concat([broadcastTo(reshape(rows, [1, ...rows.type.shape]), shape), x], 1);
}

/** q with zero rows before it, so that the queries are as many as the keys. */
function padded(q: Value, { keys }: KeyValuePrefix): Value {
  return pad(q, [
    [0, 0],
    [dimAt(keys.type.shape, 0), 0],
    [0, 0],
    [0, 0],
  ]);
}

const without = (out: Value, { keys }: KeyValuePrefix): Value =>
  slice(out, 1, dimAt(keys.type.shape, 0), dimAt(out.type.shape, 1));

/** Causal attention of packed sequences that all see the prefix: its mask as a bias. */
function packedBias(segments: Value, prefixLength: number): Value {
  const [batch, time] = segments.type.shape as [number, number];
  const causal = Float64Array.from({ length: time * time }, (_, i) => (i % time <= Math.floor(i / time) ? 1 : 0));
  const own = equal(reshape(segments, [batch, 1, time, 1]), reshape(segments, [batch, 1, 1, time]));
  const tokens = where(and(own, constant('bool', [1, 1, time, time], causal)), scalar(0), scalar(-Infinity));
  return pad(tokens, [
    [0, 0],
    [0, 0],
    [0, 0],
    [prefixLength, 0],
  ]);
}

/**
 * Causal attention of a layer, [B, T, H, width]: over its own tokens or over a cache that it appends to; a prefix stands
 * before every sequence, in the cache too. TypeError on a prefix in packed rows of a model with a window or position bias.
 */
export function attend({ q, k, v, prefix }: SiteOperands['attention'], options: AttendOptions): Value {
  const { segments, cache, layer, remember, scale, window, softCap, bias } = options;
  const shared = {
    ...(scale !== undefined && { scale }),
    ...(window !== undefined && { window }),
    ...(softCap !== undefined && { softCap }),
  };
  const biasOf = (queries: Value, keys: number, offsets: Value | null = null) =>
    bias && { bias: bias({ queries: dimAt(queries.type.shape, 1), keys, offsets }) };
  if (cache) {
    const past = { keys: at(cache.keys, layer), values: at(cache.values, layer), lengths: cache.lengths };
    // A filled cache holds the prefix already.
    const opening = cache.fresh ? prefix : null;
    const operands = opening
      ? ([padded(q, opening), before(opening.keys, k), before(opening.values, v)] as const)
      : ([q, k, v] as const);
    const places = biasOf(operands[0], dimAt(past.keys.type.shape, 2), cache.fresh ? null : cache.lengths);
    const { out, ...caches } = cachedAttention(...operands, past, { ...shared, ...places, fresh: cache.fresh });
    remember(layer, caches);
    return opening ? without(out, opening) : out;
  }
  if (!prefix) {
    const places = biasOf(q, dimAt(k.type.shape, 1));
    return attention(q, k, v, { ...shared, ...places, causal: true, segments });
  }
  const [keys, values] = [before(prefix.keys, k), before(prefix.values, v)];
  if (!segments) {
    const queries = padded(q, prefix);
    const places = biasOf(queries, dimAt(keys.type.shape, 1));
    return without(attention(queries, keys, values, { ...shared, ...places, causal: true }), prefix);
  }
  if (window !== undefined || bias) {
    const other = bias ? 'position bias' : 'window';
    throw new TypeError(`Expected rows of one sequence under a prefix and a ${other} but found packed ones`);
  }
  return attention(q, keys, values, { ...shared, bias: packedBias(segments, dimAt(prefix.keys.type.shape, 0)) });
}
