import { vjp } from '../grad.ts';
import { apply, at, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { formatShape, sameShape, type Shape, type TensorType, tensorType } from '../types.ts';
import { add } from './add.ts';
import { type AttentionExtras, checkExtras, forwardExtras, gradExtras, visible } from './attentionMask.ts';
import { attentionGradOnnx, attentionOnnx } from './attentionOnnx.ts';
import { attentionGradSamples, attentionSamples } from './attentionSamples.ts';
import { scalar } from './constant.ts';
import { div } from './div.ts';
import { exp } from './exp.ts';
import { log } from './log.ts';
import { matmul } from './matmul.ts';
import { mul } from './mul.ts';
import { max } from './reduceMax.ts';
import { sum } from './reduceSum.ts';
import { reshape } from './reshape.ts';
import { stopGradient } from './stopGradient.ts';
import { sub } from './sub.ts';
import { tanh } from './tanh.ts';
import { transpose } from './transpose.ts';
import { where } from './where.ts';
import { requireF32 } from './requireF32.ts';

export type AttentionAttrs = {
  readonly scale: number;
  readonly causal: boolean;
  /** Keys nearer than this to the query, the query's own counted. */
  readonly window?: number;
  /** Bound c of the scaled scores: c tanh(score / c). */
  readonly softCap?: number;
};

export interface AttentionSizes {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly heads: number;
  readonly groups: number;
  readonly kvHeads: number;
  readonly width: number;
}

export function attentionSizes(q: Shape, k: Shape): AttentionSizes {
  const [batch, queries, heads, width] = q as [number, number, number, number];
  const [, keys, kvHeads] = k as [number, number, number, number];
  return { batch, queries, keys, heads, groups: heads / kvHeads, kvHeads, width };
}

function infer(inputs: readonly (TensorType | null)[], attrs: AttentionAttrs): readonly [TensorType, TensorType] {
  const [q, k, v] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
  const sizes = attentionSizes(q.shape, k.shape);
  const { batch, queries, heads, kvHeads, width } = sizes;
  if (
    q.shape.length !== 4 ||
    !sameShape(k.shape, v.shape) ||
    k.shape[0] !== batch ||
    k.shape[3] !== width ||
    heads % kvHeads !== 0
  ) {
    throw new RangeError(
      `Expected q [B, T, H, D] and k, v [B, S, H/G, D] but found ${formatShape(q.shape)}, ${formatShape(k.shape)}, ${formatShape(v.shape)}`,
    );
  }
  requireF32([q, k, v]);
  checkExtras(forwardExtras(inputs), attrs, sizes);
  return [q, tensorType('f32', [batch, heads, queries])];
}

const heads = (x: Value): Value => transpose(x, [0, 2, 1, 3]);

/** Scores [B, KV, G, T, S] with the soft cap, the bias and -infinity where a key is not seen. */
function scoresOf(q: Value, k: Value, extras: AttentionExtras<Value>, attrs: AttentionAttrs): Value {
  const sizes = attentionSizes(q.type.shape, k.type.shape);
  const { batch, queries, keys, groups, kvHeads, width } = sizes;
  const rows = reshape(heads(q), [batch, kvHeads, groups * queries, width]);
  const product = matmul(rows, heads(k), { transposeB: true, alpha: attrs.scale });
  let scores = reshape(product, [batch, kvHeads, groups, queries, keys]);
  if (attrs.softCap !== undefined) scores = mul(tanh(mul(scores, 1 / attrs.softCap)), attrs.softCap);
  if (extras.bias) {
    const [b, h, t] = extras.bias.type.shape as [number, number, number, number];
    scores = add(scores, reshape(extras.bias, [b, ...(h === 1 ? [1, 1] : [kvHeads, groups]), t, keys]));
  }
  const mask = visible(extras, attrs, sizes);
  return mask ? where(mask, scores, scalar(-Infinity)) : scores;
}

function decompose(
  inputs: readonly (Value | null)[],
  extras: AttentionExtras<Value>,
  attrs: AttentionAttrs,
): readonly [Value, Value] {
  const [q, k, v] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
  const { batch, queries, keys, groups, kvHeads, width } = attentionSizes(q.type.shape, k.type.shape);
  const masked = scoresOf(q, k, extras, attrs);
  const top = stopGradient(max(masked, [-1], true));
  const weights = exp(sub(masked, top));
  const total = sum(weights, [-1], true);
  const mixed = matmul(reshape(div(weights, total), [batch, kvHeads, groups * queries, keys]), heads(v));
  const out = heads(reshape(mixed, [batch, kvHeads * groups, queries, width]));
  return [out, reshape(add(top, log(total)), [batch, kvHeads * groups, queries])];
}

/** Inputs q, k, v, and segments, bias, segments of keys and prefix or none. */
export const attentionOp: Op<AttentionAttrs> = defineOp<AttentionAttrs>({
  name: 'attention',
  formula:
    'o = softmax(cap(s q kᵀ) + bias + mask) v per head; head h reads key head ⌊h/G⌋; causal: keys up to the query; window: keys nearer than it; prefix: its keys in any case; segments: keys of the query’s own segment. Each query must see a key. Outputs o and the log-sum-exp of the scores',
  infer,
  vjp: ({ inputs, outputs, cotangents, attrs }) => {
    const [dOut, dLse] = cotangents;
    if (dLse) throw new TypeError('The gradient of the saved statistic is not taken: decompose the graph first');
    if (!dOut) return [];
    const saved = [inputs[3] ?? null, at(outputs, 0), at(outputs, 1), dOut];
    const found = apply(attentionGradOp, [...inputs.slice(0, 3), ...saved, ...inputs.slice(4)], attrs);
    return [...found.slice(0, 3), undefined, found[3]];
  },
  decompose: (inputs, attrs) => decompose(inputs, forwardExtras(inputs), attrs),
  onnx: attentionOnnx,
  samples: attentionSamples,
});

/** Inputs q, k, v, segments, o, lse, do, and bias, segments of keys and prefix or none. */
export const attentionGradOp: Op<AttentionAttrs> = defineOp<AttentionAttrs>({
  name: 'attentionGrad',
  formula:
    'dv = Pᵀ do, dS = P ∘ (do vᵀ - rowsum(do ∘ o)), dq = s dS k, dk = s dSᵀ q; P = exp(S - lse); under a soft cap dS (1 - tanh²) in its place. Outputs dq, dk, dv and, with a bias, its gradient: dS summed to its shape',
  infer: (inputs) => {
    const { bias } = gradExtras(inputs);
    requireF32([0, 1, 2, 6].map((index) => required(inputs, index)));
    return [required(inputs, 0), required(inputs, 1), required(inputs, 2), ...(bias ? [bias] : [])];
  },
  vjp: 'nondifferentiable',
  decompose: (inputs, attrs) => {
    const [q, k, v] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    const extras = gradExtras(inputs);
    const [out] = decompose([q, k, v], extras, attrs);
    return vjp([[out, required(inputs, 6)]], [q, k, v, ...(extras.bias ? [extras.bias] : [])]);
  },
  onnx: attentionGradOnnx,
  samples: attentionGradSamples,
});

export interface AttentionOptions {
  /** Factor of the scores; default 1/√D. */
  readonly scale?: number;
  readonly causal?: boolean;
  /** A query sees keys nearer than this only, its own counted: i - window < j, and j < i + window unless causal. */
  readonly window?: number;
  /** i32 [B]: the first keys of each sequence, which every query sees. */
  readonly prefix?: Value | null;
  /** i32 [B, T]: a query sees keys of its own segment only. */
  readonly segments?: Value | null;
  /** i32 [B, S]: segments of the keys where they are not the queries'. */
  readonly keySegments?: Value | null;
  /** f32 [B or 1, H or 1, T or 1, S], added to the scaled scores. */
  readonly bias?: Value | null;
  /** Scores become c tanh(score / c) before the bias and the mask. */
  readonly softCap?: number;
}

/** Attention of q [B, T, H, D] over k, v [B, S, H/G, D]: [B, T, H, D]. */
export function attention(q: Value, k: Value, v: Value, options: AttentionOptions = {}): Value {
  const { causal = false, segments = null, bias = null, keySegments = null, prefix = null, window, softCap } = options;
  const extras = [bias, keySegments, prefix];
  const given = extras.slice(0, extras.findLastIndex((extra) => extra !== null) + 1);
  const attrs: AttentionAttrs = {
    scale: options.scale ?? (q.type.shape[3] ?? 1) ** -0.5,
    causal,
    ...(window !== undefined && { window }),
    ...(softCap !== undefined && { softCap }),
  };
  return at(apply(attentionOp, [q, k, v, segments, ...given], attrs), 0);
}
