import { apply, at, required, type Value } from '../graph.ts';
import type { OnnxEmitter } from '../onnx.ts';
import { defineOp, type Op } from '../op.ts';
import { dimAt, formatShape, formatType, sameShape, type Shape, type TensorType } from '../types.ts';
import { add } from './add.ts';
import { and } from './and.ts';
import { attentionSizes } from './attention.ts';
import { cachedAttentionSamples } from './cachedAttentionSamples.ts';
import { cast } from './cast.ts';
import { constant, scalar } from './constant.ts';
import { equal } from './equal.ts';
import { less } from './less.ts';
import { matmul } from './matmul.ts';
import { mul } from './mul.ts';
import { reshape } from './reshape.ts';
import { softmax } from './softmax.ts';
import { sub } from './sub.ts';
import { sum } from './reduceSum.ts';
import { tanh } from './tanh.ts';
import { transpose } from './transpose.ts';
import { where } from './where.ts';
import { requireF32 } from './requireF32.ts';

export type CachedAttrs = {
  readonly scale: number;
  /** The cache holds nothing yet: lengths count as zero. */
  readonly fresh: boolean;
  /** Keys nearer than this to the query, the query's own counted. */
  readonly window?: number;
  /** Bound c of the scaled scores: c tanh(score / c). */
  readonly softCap?: number;
};

const range = (count: number): Float64Array => Float64Array.from({ length: count }, (_, i) => i);

function infer(inputs: readonly (TensorType | null)[], { window, softCap }: CachedAttrs): readonly TensorType[] {
  if (window !== undefined && !(Number.isInteger(window) && window >= 1)) {
    throw new RangeError(`Expected a window of at least 1 key but found ${window}`);
  }
  if (softCap !== undefined && !(softCap > 0)) throw new RangeError(`Expected a soft cap above 0 but found ${softCap}`);

  const [q, k, v, pastK, pastV, lengths] = [0, 1, 2, 3, 4, 5].map((index) =>
    required(inputs, index),
  ) as Six<TensorType>;
  requireF32([q, k, v, pastK, pastV]);
  const { batch, queries, heads, kvHeads, width } = attentionSizes(q.shape, k.shape);
  if (q.shape.length !== 4 || !sameShape(k.shape, v.shape) || heads % kvHeads !== 0) {
    throw new RangeError(
      `Expected q [B, T, H, D] and k, v [B, T, H/G, D] but found ${formatShape(q.shape)}, ${formatShape(k.shape)}, ${formatShape(v.shape)}`,
    );
  }
  const cache = [batch, kvHeads, dimAt(pastK.shape, 2), width];
  if (!sameShape(pastK.shape, cache) || !sameShape(pastV.shape, cache)) {
    throw new RangeError(
      `Expected caches ${formatShape(cache)} but found ${formatShape(pastK.shape)} and ${formatShape(pastV.shape)}`,
    );
  }
  if (lengths.dtype !== 'i32' || !sameShape(lengths.shape, [batch])) {
    throw new TypeError(`Expected i32 lengths [${batch}] but found ${lengths.dtype}${formatShape(lengths.shape)}`);
  }
  const bias = inputs[6] ?? null;
  const full = [batch, heads, queries, dimAt(pastK.shape, 2)];
  const fits = bias?.shape.every((dim, axis) => dim === full[axis] || (dim === 1 && axis < 3));
  if (bias && (bias.dtype !== 'f32' || bias.shape.length !== 4 || !fits)) {
    throw new TypeError(`Expected bias f32${formatShape(full)}, the first three or 1, but found ${formatType(bias)}`);
  }
  return [q, pastK, pastV];
}

type Six<T> = [T, T, T, T, T, T];

/** A bias [B, H, T, S] as [B, KV, G, T, S]; axes of 1 stay. */
function byKeyHead(bias: Value, kvHeads: number, groups: number): Value {
  const [batch = 1, heads = 1, queries = 1, keys = 1] = bias.type.shape;
  return reshape(bias, [batch, ...(heads === 1 ? [1, 1] : [kvHeads, groups]), queries, keys]);
}

/** Inputs q, k, v, past keys, past values, lengths, and bias or none. */
export const cachedAttentionOp: Op<CachedAttrs> = defineOp<CachedAttrs>({
  name: 'cachedAttention',
  formula:
    'causal attention of T new tokens over a cache [B, H/G, S, D] that holds lengths[b] tokens: k, v go to positions lengths[b] + t, query t sees positions up to its own, with a window those nearer than it; scores under a soft cap c are c tanh(score / c), and a bias is added to them. Outputs o and both caches',
  infer,
  vjp: 'nondifferentiable',
  decompose: (inputs, attrs) => {
    const [q, k, v, pastK, pastV, given] = [0, 1, 2, 3, 4, 5].map((index) => required(inputs, index)) as Six<Value>;
    const { batch, queries, kvHeads, groups, width } = attentionSizes(q.type.shape, k.type.shape);
    const capacity = dimAt(pastK.type.shape, 2);
    const lengths = attrs.fresh ? constant('i32', [batch], new Float64Array(batch)) : given;
    const positions = add(reshape(lengths, [batch, 1]), constant('i32', [1, queries], range(queries)));
    const slots = constant('i32', [1, 1, capacity], range(capacity));
    // One-hot rows [B, T, S] carry the new tokens to their slots.
    const route = cast(equal(reshape(positions, [batch, queries, 1]), slots), 'f32');
    const written = reshape(sum(route, [1], true), [batch, 1, capacity, 1]);
    const store = (past: Value, fresh: Value): Value => {
      const rows = transpose(fresh, [0, 2, 1, 3]);
      const routed = matmul(reshape(route, [batch, 1, queries, capacity]), rows, { transposeA: true });
      return add(mul(past, sub(1, written)), routed);
    };
    const keys = store(pastK, k);
    const values = store(pastV, v);
    const rows = reshape(transpose(q, [0, 2, 1, 3]), [batch, kvHeads, groups * queries, width]);
    const product = matmul(rows, keys, { transposeB: true, alpha: attrs.scale });
    const { softCap } = attrs;
    const capped = softCap === undefined ? product : mul(tanh(mul(product, 1 / softCap)), softCap);
    const plain = reshape(capped, [batch, kvHeads, groups, queries, capacity]);
    const bias = inputs[6] ?? null;
    const scores = bias ? add(plain, byKeyHead(bias, kvHeads, groups)) : plain;
    const own = reshape(positions, [batch, queries, 1]);
    const offset = (by: number): Value => add(own, constant('i32', [], [by]));
    const past = less(slots, offset(1));
    const seen = attrs.window === undefined ? past : and(past, less(offset(-attrs.window), slots));
    const masked = where(reshape(seen, [batch, 1, 1, queries, capacity]), scores, scalar(-Infinity));
    const mixed = matmul(reshape(softmax(masked), [batch, kvHeads, groups * queries, capacity]), values);
    return [transpose(reshape(mixed, [batch, kvHeads * groups, queries, width]), [0, 2, 1, 3]), keys, values];
  },
  onnxInPlace: { 1: 3, 2: 4 },
  onnx: (emit, inputs, { attrs, inputTypes }) => {
    const { batch, queries, heads, kvHeads, width } = attentionSizes(
      required(inputTypes, 0).shape,
      required(inputTypes, 1).shape,
    );
    if (queries > 1 && !attrs.fresh && batch > 1) {
      throw new RangeError(
        'ONNX Runtime appends several tokens at once only to an empty cache or for one sequence: set fresh, or feed one token',
      );
    }
    const flat = (index: number, count: number) =>
      emit.reshape(required(inputs, index), [batch, queries, count * width]);
    const vector = (key: string, value: number) =>
      emit.constant(`${key}:${batch}:${value}`, 'i32', [batch], () => new Float64Array(batch).fill(value));
    // The operator wants the total length minus one per row, and the largest total.
    const last = attrs.fresh
      ? vector('last', queries - 1)
      : queries === 1
        ? required(inputs, 5)
        : emit.node('Add', [required(inputs, 5), vector('more', queries - 1)]);
    const total = attrs.fresh
      ? emit.constant(`total:${queries}`, 'i32', [], () => [queries])
      : emit.node('Add', [
          emit.node('ReduceMax', [last, emit.ints([0])], { keepdims: { int: 0 } }),
          emit.constant('total:1', 'i32', [], () => [1]),
        ]);
    const bias = inputs[6] ? onnxBias(emit, inputs[6], required(inputTypes, 6).shape, queries, total) : null;
    const operands = [flat(0, heads), flat(1, kvHeads), flat(2, kvHeads), required(inputs, 3), required(inputs, 4)];
    const [out, keys, values] = emit.nodes(
      'GroupQueryAttention',
      [...operands, last, total, ...(bias === null ? [] : [null, null, null, bias])],
      {
        num_heads: { int: heads },
        kv_num_heads: { int: kvHeads },
        scale: { float: attrs.scale },
        ...(attrs.window !== undefined && { local_window_size: { int: attrs.window } }),
        ...(attrs.softCap !== undefined && { softcap: { float: attrs.softCap } }),
      },
      { domain: 'com.microsoft', outputs: 3 },
    ) as [string, string, string];
    return [emit.reshape(out, [batch, queries, heads, width]), keys, values];
  },
  samples: cachedAttentionSamples,
});

/** The operator wants a row for each query and the columns of the keys that there are. */
function onnxBias(emit: OnnxEmitter, bias: string, shape: Shape, queries: number, total: string): string {
  const [batch = 1, heads = 1, rows = 1, capacity = 1] = shape;
  const each = rows === queries ? bias : emit.node('Expand', [bias, emit.ints([batch, heads, queries, capacity])]);
  const end = emit.reshape(emit.cast(total, 'i64'), [1]);
  return emit.node('Slice', [each, emit.ints([0]), end, emit.ints([3])]);
}

export interface CachedAttention {
  readonly out: Value;
  readonly keys: Value;
  readonly values: Value;
}

export interface Cache {
  /** [B, H/G, S, D] */
  readonly keys: Value;
  readonly values: Value;
  /** i32 [B]: tokens that each row holds. */
  readonly lengths: Value;
}

export interface CachedAttentionOptions {
  /** Factor of the scores; default 1/√D. */
  readonly scale?: number;
  /** The cache holds nothing yet. */
  readonly fresh: boolean;
  /** A query sees keys nearer than this only, its own counted. */
  readonly window?: number;
  /** Scores become c tanh(score / c) before the bias and the mask. */
  readonly softCap?: number;
  /** f32 [B or 1, H or 1, T or 1, S], added to the scaled scores of each query and slot of the cache. */
  readonly bias?: Value | null;
}

/** Appends k, v [B, T, H/G, D] to the cache and attends q [B, T, H, D] over it. */
export function cachedAttention(
  q: Value,
  k: Value,
  v: Value,
  cache: Cache,
  { scale = dimAt(q.type.shape, 3) ** -0.5, fresh, window, softCap, bias = null }: CachedAttentionOptions,
): CachedAttention {
  const attrs: CachedAttrs = {
    scale,
    fresh,
    ...(window !== undefined && { window }),
    ...(softCap !== undefined && { softCap }),
  };
  const operands = [q, k, v, cache.keys, cache.values, cache.lengths, ...(bias ? [bias] : [])];
  const outputs = apply(cachedAttentionOp, operands, attrs);
  return { out: at(outputs, 0), keys: at(outputs, 1), values: at(outputs, 2) };
}
