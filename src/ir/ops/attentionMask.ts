import type { Value } from '../graph.ts';
import { formatType, sameShape, type TensorType } from '../types.ts';
import { and } from './and.ts';
import { arange } from './arange.ts';
import type { AttentionAttrs, AttentionSizes } from './attention.ts';
import { constant } from './constant.ts';
import { equal } from './equal.ts';
import { less } from './less.ts';
import { or } from './or.ts';
import { reshape } from './reshape.ts';

/** What narrows or shifts attention, each optional. */
export interface AttentionExtras<T> {
  /** i32 [B, T] */
  readonly segments: T | null;
  /** f32 [B or 1, H or 1, T or 1, S] */
  readonly bias: T | null;
  /** i32 [B, S] */
  readonly keySegments: T | null;
  /** i32 [B] */
  readonly prefix: T | null;
}

/** Inputs of attention from the fourth on. */
export const forwardExtras = <T>(inputs: readonly (T | null)[]): AttentionExtras<T> => ({
  segments: inputs[3] ?? null,
  bias: inputs[4] ?? null,
  keySegments: inputs[5] ?? null,
  prefix: inputs[6] ?? null,
});

/** The same of its gradient, whose fifth to seventh inputs are o, the log-sum-exp and do. */
export const gradExtras = <T>(inputs: readonly (T | null)[]): AttentionExtras<T> => ({
  segments: inputs[3] ?? null,
  bias: inputs[7] ?? null,
  keySegments: inputs[8] ?? null,
  prefix: inputs[9] ?? null,
});

/** Whether position alone lets query i see key j. */
export function inReach(i: number, j: number, { causal, window }: AttentionAttrs): boolean {
  return !(causal && j > i) && (window === undefined || Math.abs(i - j) < window);
}

/** Throws RangeError or TypeError where extras and attributes do not fit the sizes or each other. */
export function checkExtras(
  { segments, bias, keySegments, prefix }: AttentionExtras<TensorType>,
  { causal, window, softCap }: AttentionAttrs,
  { batch, queries, keys, heads }: AttentionSizes,
): void {
  const alike = causal || window !== undefined || prefix || (segments && !keySegments);
  if (alike && queries !== keys) {
    throw new RangeError(`Expected as many keys as queries but found ${keys} and ${queries}`);
  }
  if (window !== undefined && !(Number.isInteger(window) && window >= 1)) {
    throw new RangeError(`Expected a window of at least 1 key but found ${window}`);
  }
  if (softCap !== undefined && !(softCap > 0)) throw new RangeError(`Expected a soft cap above 0 but found ${softCap}`);
  if (keySegments && !segments)
    throw new TypeError('Expected segments of the queries beside those of the keys but found none');
  const whole = (name: string, type: TensorType | null, shape: readonly number[]): void => {
    if (type && (type.dtype !== 'i32' || !sameShape(type.shape, shape))) {
      throw new TypeError(`Expected i32 ${name} [${shape.join(', ')}] but found ${formatType(type)}`);
    }
  };
  whole('segments', segments, [batch, queries]);
  whole('segments of keys', keySegments, [batch, keys]);
  whole('prefix', prefix, [batch]);
  const full = [batch, heads, queries, keys];
  const fits = bias?.shape.every((dim, axis) => dim === full[axis] || (dim === 1 && axis < 3));
  if (bias && (bias.dtype !== 'f32' || bias.shape.length !== 4 || !fits)) {
    throw new TypeError(`Expected bias f32[${full.join(', ')}], the first three or 1, but found ${formatType(bias)}`);
  }
}

/** Which keys each query sees, [B or 1, 1, 1, T, S]; null when all. */
export function visible(
  { segments, keySegments, prefix }: AttentionExtras<Value>,
  attrs: AttentionAttrs,
  { batch, queries, keys }: AttentionSizes,
): Value | null {
  let mask: Value | null = null;
  if (attrs.causal || attrs.window !== undefined) {
    const reach = Float64Array.from({ length: queries * keys }, (_, i) =>
      inReach(Math.floor(i / keys), i % keys, attrs) ? 1 : 0,
    );
    mask = constant('bool', [1, 1, 1, queries, keys], reach);
    if (prefix) mask = or(mask, less(arange(keys), reshape(prefix, [batch, 1, 1, 1, 1])));
  }
  if (segments) {
    const own = reshape(segments, [batch, 1, 1, queries, 1]);
    const same = equal(own, reshape(keySegments ?? segments, [batch, 1, 1, 1, keys]));
    mask = mask ? and(mask, same) : same;
  }
  return mask;
}
