import { i32, normal } from '../dense.ts'
import { apply, at, required, type Value } from '../graph.ts'
import { vjp } from '../grad.ts'
import { defineOp, type Op } from '../op.ts'
import { formatShape, sameShape, type Shape, type TensorType, tensorType } from '../types.ts'
import { attentionGradOnnx, attentionOnnx } from './attentionOnnx.ts'
import { add } from './add.ts'
import { and } from './and.ts'
import { constant, scalar } from './constant.ts'
import { div } from './div.ts'
import { equal } from './equal.ts'
import { exp } from './exp.ts'
import { log } from './log.ts'
import { matmul } from './matmul.ts'
import { max } from './reduceMax.ts'
import { sum } from './reduceSum.ts'
import { reshape } from './reshape.ts'
import { stopGradient } from './stopGradient.ts'
import { sub } from './sub.ts'
import { transpose } from './transpose.ts'
import { where } from './where.ts'

export type AttentionAttrs = { readonly scale: number; readonly causal: boolean }

export interface AttentionSizes {
  readonly batch: number
  readonly queries: number
  readonly keys: number
  readonly heads: number
  readonly groups: number
  readonly kvHeads: number
  readonly width: number
}

export function attentionSizes(q: Shape, k: Shape): AttentionSizes {
  const [batch, queries, heads, width] = q as [number, number, number, number]
  const [, keys, kvHeads] = k as [number, number, number, number]
  return { batch, queries, keys, heads, groups: heads / kvHeads, kvHeads, width }
}

function infer(inputs: readonly (TensorType | null)[], { causal }: AttentionAttrs): readonly [TensorType, TensorType] {
  const [q, k, v] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)]
  const { batch, queries, keys, heads, kvHeads, width } = attentionSizes(q.shape, k.shape)
  if (q.shape.length !== 4 || !sameShape(k.shape, v.shape) || k.shape[0] !== batch || k.shape[3] !== width || heads % kvHeads !== 0) {
    throw new RangeError(
      `Expected q [B, T, H, D] and k, v [B, S, H/G, D] but found ${formatShape(q.shape)}, ${formatShape(k.shape)}, ${formatShape(v.shape)}`,
    )
  }
  const segments = inputs[3]
  if ((causal || segments) && queries !== keys) throw new RangeError(`Expected as many keys as queries but found ${keys} and ${queries}`)
  if (segments && (segments.dtype !== 'i32' || !sameShape(segments.shape, [batch, queries]))) {
    throw new TypeError(`Expected i32 segments [${batch}, ${queries}] but found ${segments.dtype}${formatShape(segments.shape)}`)
  }
  return [q, tensorType('f32', [batch, heads, queries])]
}

/** Which keys each query sees, [B or 1, 1, 1, T, S]; null when all. */
function visible(segments: Value | null, { causal }: AttentionAttrs, { batch, queries, keys }: AttentionSizes): Value | null {
  let mask: Value | null = null
  if (causal) {
    const triangle = Float64Array.from({ length: queries * keys }, (_, i) => (i % keys <= Math.floor(i / keys) ? 1 : 0))
    mask = constant('bool', [1, 1, 1, queries, keys], triangle)
  }
  if (segments) {
    const same = equal(reshape(segments, [batch, 1, 1, queries, 1]), reshape(segments, [batch, 1, 1, 1, keys]))
    mask = mask ? and(mask, same) : same
  }
  return mask
}

const heads = (x: Value): Value => transpose(x, [0, 2, 1, 3])

function decompose(inputs: readonly (Value | null)[], attrs: AttentionAttrs): readonly [Value, Value] {
  const [q, k, v] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)]
  const sizes = attentionSizes(q.type.shape, k.type.shape)
  const { batch, queries, keys, groups, kvHeads, width } = sizes
  const rows = reshape(heads(q), [batch, kvHeads, groups * queries, width])
  const scores = reshape(matmul(rows, heads(k), { transposeB: true, alpha: attrs.scale }), [batch, kvHeads, groups, queries, keys])
  const mask = visible(inputs[3] ?? null, attrs, sizes)
  const masked = mask ? where(mask, scores, scalar(-Infinity)) : scores
  const top = stopGradient(max(masked, [-1], true))
  const weights = exp(sub(masked, top))
  const total = sum(weights, [-1], true)
  const mixed = matmul(reshape(div(weights, total), [batch, kvHeads, groups * queries, keys]), heads(v))
  const out = heads(reshape(mixed, [batch, kvHeads * groups, queries, width]))
  return [out, reshape(add(top, log(total)), [batch, kvHeads * groups, queries])]
}

/** Scaled dot-product attention with grouped key and value heads. Inputs q, k, v, segments or none. */
export const attentionOp: Op<AttentionAttrs> = defineOp<AttentionAttrs>({
  name: 'attention',
  formula:
    'o = softmax(s q kᵀ + mask) v per head; head h reads key head ⌊h/G⌋; causal: keys up to the query; segments: keys of the query’s own segment. Outputs o and the log-sum-exp of the scores',
  infer,
  vjp: ({ inputs, outputs, cotangents, attrs }) => {
    const [dOut, dLse] = cotangents
    if (dLse) throw new TypeError('The gradient of the saved statistic is not taken: decompose the graph first')
    return dOut ? apply(attentionGradOp, [...inputs.slice(0, 3), inputs[3] ?? null, at(outputs, 0), at(outputs, 1), dOut], attrs) : []
  },
  decompose,
  onnx: attentionOnnx,
  samples: () => samples.map(({ name, causal, q, kv, segments }) => ({
    name,
    attrs: { scale: 0.5, causal },
    inputs: [normal(q, 1), normal(kv, 2), normal(kv, 3), segments],
  })),
})

export const attentionGradOp: Op<AttentionAttrs> = defineOp<AttentionAttrs>({
  name: 'attentionGrad',
  formula: 'dv = Pᵀ do, dS = P ∘ (do vᵀ - rowsum(do ∘ o)), dq = s dS k, dk = s dSᵀ q; P = exp(S - lse). Inputs q, k, v, segments, o, lse, do',
  infer: (inputs) => [required(inputs, 0), required(inputs, 1), required(inputs, 2)],
  vjp: 'nondifferentiable',
  decompose: (inputs, attrs) => {
    const [q, k, v] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)]
    const [out] = decompose([q, k, v, inputs[3] ?? null], attrs)
    return vjp([[out, required(inputs, 6)]], [q, k, v])
  },
  onnx: attentionGradOnnx,
  samples: () => samples.map(({ name, causal, q, kv, segments }) => ({
    name,
    attrs: { scale: 0.5, causal },
    inputs: [
      normal(q, 1),
      normal(kv, 2),
      normal(kv, 3),
      segments,
      normal(q, 4),
      normal([q[0] ?? 1, q[2] ?? 1, q[1] ?? 1], 5),
      normal(q, 6),
    ],
  })),
})

const samples = [
  { name: 'causal, grouped', causal: true, q: [2, 5, 4, 3], kv: [2, 5, 2, 3], segments: null },
  { name: 'bidirectional', causal: false, q: [1, 4, 2, 2], kv: [1, 4, 2, 2], segments: null },
  { name: 'cross', causal: false, q: [1, 2, 2, 3], kv: [1, 5, 1, 3], segments: null },
  { name: 'packed segments', causal: true, q: [2, 6, 2, 2], kv: [2, 6, 1, 2], segments: i32([2, 6], [0, 0, 1, 1, 1, -1, 0, 1, 2, 3, 3, 3]) },
  { name: 'one token', causal: true, q: [1, 1, 3, 2], kv: [1, 1, 1, 2], segments: null },
  { name: 'several query blocks', causal: true, q: [1, 260, 3, 2], kv: [1, 260, 1, 2], segments: i32([1, 260], Array.from({ length: 260 }, (_, i) => Math.floor(i / 100))) },
] as const

export interface AttentionOptions {
  /** Factor of the scores; default 1/√D. */
  readonly scale?: number
  readonly causal?: boolean
  /** i32 [B, T]: a query sees keys of its own segment only. */
  readonly segments?: Value | null
}

/** Attention of q [B, T, H, D] over k, v [B, S, H/G, D]: [B, T, H, D]. */
export function attention(q: Value, k: Value, v: Value, options: AttentionOptions = {}): Value {
  const { causal = false, segments = null } = options
  const scale = options.scale ?? (q.type.shape[3] ?? 1) ** -0.5
  return at(apply(attentionOp, [q, k, v, segments], { scale, causal }), 0)
}
