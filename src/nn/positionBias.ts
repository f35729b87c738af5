import type { Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { arange } from '../ir/ops/arange.ts';
import { constant } from '../ir/ops/constant.ts';
import { embedding } from '../ir/ops/embedding.ts';
import { gather } from '../ir/ops/gather.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { sub } from '../ir/ops/sub.ts';
import { transpose } from '../ir/ops/transpose.ts';
import { formatShape } from '../ir/types.ts';

/** Which queries and keys a bias is for. */
export interface BiasPlaces {
  readonly queries: number;
  /** Keys, or slots of the cache. */
  readonly keys: number;
  /** i32 [B]: the place of each row's first query among the keys, as the lengths of a cache are; default 0. */
  readonly offsets?: Value | null;
}

/** What is added to the scaled scores by the places of query and key: f32 [B or 1, H, T or 1, S]. */
export type PositionBias = (places: BiasPlaces) => Value;

/**
 * Slopes of H heads: 2^(-8 h / n), h = 1 … n, for n the largest power of two up to H, then every other slope of 2 n heads
 * (Press et al. 2022, arXiv:2108.12409, §3; in BLOOM's and MPT's order).
 */
export function alibiSlopes(heads: number): number[] {
  if (!Number.isInteger(heads) || heads < 1) throw new RangeError(`Expected at least 1 head but found ${heads}`);
  const n = 2 ** Math.floor(Math.log2(heads));
  return Array.from({ length: heads }, (_, h) => 2 ** (h < n ? (-8 * (h + 1)) / n : (-4 * (2 * (h - n) + 1)) / n));
}

/** ALiBi: slope times the key's place, for a softmax does not see what a query adds to all its scores. */
export function alibi(heads: number): PositionBias {
  const slopes = alibiSlopes(heads);
  return ({ keys }) =>
    constant(
      'f32',
      [1, heads, 1, keys],
      Float64Array.from({ length: heads * keys }, (_, i) =>
        Math.fround((slopes[Math.floor(i / keys)] ?? 0) * (i % keys)),
      ),
    );
}

export interface RelativeBuckets {
  /** Buckets in all; half of them for keys behind the query where `bidirectional`. */
  readonly buckets: number;
  /** This distance and all beyond it share a bucket. */
  readonly maxDistance: number;
  /** Whether keys ahead of the query have buckets of their own. */
  readonly bidirectional: boolean;
}

/**
 * T5's bucket of a key `distance` places behind a query (ahead of it: below 0): one each for near ones, then
 * logarithmically wider, in f32 as transformers computes it (Raffel et al. 2020, arXiv:1910.10683, §2.1).
 */
export function relativeBucket(distance: number, { buckets, maxDistance, bidirectional }: RelativeBuckets): number {
  const count = bidirectional ? Math.floor(buckets / 2) : buckets;
  const first = bidirectional && distance < 0 ? count : 0;
  const away = bidirectional ? Math.abs(distance) : Math.max(0, distance);
  const exact = Math.floor(count / 2);
  if (away < exact) return first + away;
  const octaves = Math.fround(
    Math.fround(Math.log(Math.fround(away / exact))) / Math.fround(Math.log(maxDistance / exact)),
  );
  return first + Math.min(count - 1, exact + Math.trunc(Math.fround(octaves * (count - exact))));
}

/** T5's learned bias of relative positions: rows of a table [buckets, H] by the bucket of each query and key. */
export function relativePositions(table: Value, options: RelativeBuckets): PositionBias {
  const [rows, heads] = table.type.shape;
  if (table.type.shape.length !== 2 || rows !== options.buckets || heads === undefined) {
    throw new RangeError(`Expected a table [${options.buckets}, H] but found ${formatShape(table.type.shape)}`);
  }
  return ({ queries, keys, offsets = null }) => {
    // Buckets of all distances, those of keys far ahead first.
    const ids = constant(
      'i32',
      [queries + 2 * keys],
      Float64Array.from({ length: queries + 2 * keys }, (_, i) => relativeBucket(i - keys, options)),
    );
    const queryPlaces = reshape(arange(queries), [1, queries, 1]);
    const starts = offsets ? reshape(offsets, [offsets.type.shape[0] ?? 1, 1, 1]) : constant('i32', [], [0]);
    const distances = sub(add(queryPlaces, starts), reshape(arange(keys), [1, 1, keys]));
    const chosen = gather(ids, add(distances, constant('i32', [], [keys])), 0);
    return transpose(embedding(table, chosen), [0, 3, 1, 2]);
  };
}
