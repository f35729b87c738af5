import { f32, i32, normal } from '../dense.ts';
import { apply, apply1, at, required, type Value } from '../graph.ts';
import { vjp } from '../grad.ts';
import { defineOp, type Op } from '../op.ts';
import type { OnnxEmitter } from '../onnx.ts';
import { dimAt, formatShape, type TensorType, tensorType } from '../types.ts';
import { add } from './add.ts';
import { div } from './div.ts';
import { embedding } from './embedding.ts';
import { exp } from './exp.ts';
import { log } from './log.ts';
import { matmul } from './matmul.ts';
import { mul } from './mul.ts';
import { oneHot } from './oneHot.ts';
import { max } from './reduceMax.ts';
import { sum } from './reduceSum.ts';
import { reshape } from './reshape.ts';
import { stopGradient } from './stopGradient.ts';
import { sub } from './sub.ts';
import { takeAlong } from './takeAlong.ts';
import { tanh } from './tanh.ts';

type LogprobsAttrs = {
  /** Bound c of the logits: c tanh(z / c). */
  readonly softCap?: number;
};

/** Rows of logits that exist at once: 256 x 49,152 in f32 are 48 MiB. */
const chunkRows = 256;

function infer(inputs: readonly (TensorType | null)[], { softCap }: LogprobsAttrs): readonly TensorType[] {
  if (softCap !== undefined && !(softCap > 0)) throw new RangeError(`Expected a soft cap above 0 but found ${softCap}`);
  const [hidden, head, targets] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
  const rows = hidden.shape[0];
  if (hidden.shape.length !== 2 || head.shape.length !== 2 || hidden.shape[1] !== head.shape[1]) {
    throw new RangeError(
      `Expected hidden [N, D] and head [V, D] but found ${formatShape(hidden.shape)} and ${formatShape(head.shape)}`,
    );
  }
  if (targets.dtype !== 'i32' || targets.shape.length !== 1 || targets.shape[0] !== rows) {
    throw new TypeError(`Expected i32 targets [${rows}] but found ${targets.dtype}${formatShape(targets.shape)}`);
  }
  return [tensorType('f32', targets.shape), hidden];
}

function logprobsOf(
  hidden: Value,
  head: Value,
  targets: Value,
  { softCap }: LogprobsAttrs,
): { logprobs: Value; logits: Value; weights: Value; total: Value } {
  const product = matmul(hidden, head, { transposeB: true });
  const logits = softCap === undefined ? product : mul(tanh(mul(product, 1 / softCap)), softCap);
  const top = stopGradient(max(logits, [-1], true));
  const weights = exp(sub(logits, top));
  const total = sum(weights, [-1], true);
  const logsumexp = add(top, log(total));
  return { logprobs: sub(takeAlong(logits, targets), reshape(logsumexp, targets.type.shape)), logits, weights, total };
}

/** 1 - (z / c)²: the slope of z = c tanh(x / c) by x. */
function capSlope(logits: Value, softCap: number): Value {
  return sub(1, mul(mul(logits, logits), 1 / softCap ** 2));
}

/** Calls `body` for each chunk of rows with its sliced operands. */
function chunked(
  emit: OnnxEmitter,
  rows: number,
  operands: readonly string[],
  body: (chunk: readonly string[], count: number) => void,
): void {
  for (let start = 0; start < rows; start += chunkRows) {
    const end = Math.min(rows, start + chunkRows);
    const whole = start === 0 && end === rows;
    const chunk = operands.map((x) =>
      whole ? x : emit.node('Slice', [x, emit.ints([start]), emit.ints([end]), emit.ints([0])]),
    );
    body(chunk, end - start);
  }
}

const concatRows = (emit: OnnxEmitter, pieces: readonly string[]): string =>
  pieces.length === 1 ? (pieces[0] as string) : emit.node('Concat', pieces, { axis: { int: 0 } });

const gemm = (emit: OnnxEmitter, a: string, b: string, transB: boolean): string =>
  emit.node('Gemm', [a, b], { transB: { int: transB ? 1 : 0 } });

const scaled = (emit: OnnxEmitter, x: string, factor: number): string =>
  emit.node('Mul', [x, emit.constant(`scalar:${factor}`, 'f32', [], () => Float32Array.of(factor))]);

/** Logits h Wᵀ under the soft cap, where there is one. */
function logitsOf(emit: OnnxEmitter, hidden: string, head: string, softCap: number | undefined): string {
  const product = gemm(emit, hidden, head, true);
  return softCap === undefined
    ? product
    : scaled(emit, emit.node('Tanh', [scaled(emit, product, 1 / softCap)]), softCap);
}

/** 1 - (z / c)². */
function capSlopeNode(emit: OnnxEmitter, logits: string, softCap: number): string {
  const square = scaled(emit, emit.node('Mul', [logits, logits]), -1 / softCap ** 2);
  return emit.node('Add', [square, emit.constant('scalar:1', 'f32', [], () => Float32Array.of(1))]);
}

/** x [N, D], once `signal` [N, 1] is there. */
function joinNothing(emit: OnnxEmitter, x: string, signal: string): string {
  const none = emit.node('Slice', [signal, emit.ints([0]), emit.ints([0]), emit.ints([1])]);
  return emit.node('Concat', [x, none], { axis: { int: 1 } });
}

/** Softmax of the logits minus the one-hot targets: minus the gradient of the log-probabilities by the logits. */
function residual(emit: OnnxEmitter, logits: string, column: string, count: number): string {
  const minusOne = emit.constant(`minus one:${count}`, 'f32', [count, 1], () => new Float32Array(count).fill(-1));
  const attrs = { axis: { int: 1 }, reduction: { string: 'add' } };
  return emit.node('ScatterElements', [emit.node('Softmax', [logits], { axis: { int: -1 } }), column, minusOne], attrs);
}

/** Inputs hidden, head, targets. */
export const tokenLogprobsOp: Op<LogprobsAttrs> = defineOp<LogprobsAttrs>({
  name: 'tokenLogprobs',
  formula:
    'ℓ_n = z_{n,t_n} - ln Σ_v exp z_{n,v} with z = h Wᵀ, under a soft cap z = c tanh(h Wᵀ / c), streamed over rows so that z never exists whole. Outputs ℓ and ∂ℓ_n/∂h_n = W_{t_n} - softmax(z_n) W, under a soft cap ((1[t_n] - softmax(z_n)) ∘ (1 - (z_n/c)²)) W',
  infer,
  vjp: ({ inputs, outputs, cotangents, needs, attrs }) => {
    const [dLogprobs, dDirection] = cotangents;
    if (dDirection) throw new TypeError('The gradient of the saved direction is not taken: decompose the graph first');
    if (!dLogprobs) return [];
    const column = reshape(dLogprobs, [dimAt(dLogprobs.type.shape, 0), 1]);
    const [hidden, head, targets] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    return [
      needs[0] ? mul(at(outputs, 1), column) : undefined,
      needs[1] ? apply1(tokenLogprobsHeadGradOp, [hidden, head, targets, dLogprobs], attrs) : undefined,
    ];
  },
  decompose: (inputs, attrs) => {
    const [hidden, head, targets] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    const { logprobs, logits, weights, total } = logprobsOf(hidden, head, targets, attrs);
    const { softCap } = attrs;
    if (softCap === undefined) return [logprobs, sub(embedding(head, targets), matmul(div(weights, total), head))];
    const chosen = oneHot(targets, dimAt(head.type.shape, 0));
    return [logprobs, matmul(mul(sub(chosen, div(weights, total)), capSlope(logits, softCap)), head)];
  },
  onnx: (emit, inputs, { attrs: { softCap }, inputTypes }) => {
    const head = required(inputs, 1);
    const rows = dimAt(required(inputTypes, 0).shape, 0);
    const column = emit.reshape(required(inputs, 2), [rows, 1]);
    const logprobs: string[] = [];
    const directions: string[] = [];
    const flat = emit.reshape(column, [rows]);
    chunked(emit, rows, [required(inputs, 0), column, flat], ([hidden, targets, ids], count) => {
      const logits = logitsOf(emit, hidden as string, head, softCap);
      const weights = emit.node('Softmax', [logits], { axis: { int: -1 } });
      // ln Σ exp z = max z - ln max p: one softmax serves both outputs.
      const most = (x: string) => emit.node('ReduceMax', [x, emit.ints([-1])], { keepdims: { int: 1 } });
      const above = emit.node('Sub', [
        emit.node('GatherElements', [logits, targets as string], { axis: { int: 1 } }),
        most(logits),
      ]);
      const chosen = emit.node('Add', [above, emit.node('Log', [most(weights)])]);
      logprobs.push(chosen);
      if (softCap !== undefined) {
        const slope = capSlopeNode(emit, logits, softCap);
        const minus = emit.node('Mul', [
          residual(emit, joinNothing(emit, logits, chosen), targets as string, count),
          slope,
        ]);
        directions.push(emit.node('Gemm', [minus, head], { alpha: { float: -1 } }));
        return;
      }
      // Joined with nothing of the loss, the direction waits for it: logits and weights are freed before the next chunk.
      const targetRows = joinNothing(emit, emit.node('Gather', [head, ids as string], { axis: { int: 0 } }), chosen);
      directions.push(emit.node('Gemm', [weights, head, targetRows], { alpha: { float: -1 } }));
    });
    return [emit.reshape(concatRows(emit, logprobs), [rows]), concatRows(emit, directions)];
  },
  samples: () => [
    { name: 'rows', attrs: {}, inputs: [normal([3, 4], 1), normal([7, 4], 2), i32([3], [0, 6, 3])] },
    { name: 'soft cap', attrs: { softCap: 1.5 }, inputs: [normal([3, 4], 6), normal([7, 4], 7), i32([3], [0, 6, 3])] },
    {
      name: 'more rows than a chunk',
      attrs: {},
      inputs: [
        normal([300, 3], 3),
        normal([5, 3], 4),
        i32(
          [300],
          Array.from({ length: 300 }, (_, i) => i % 5),
        ),
      ],
    },
    {
      name: 'large logits and ties',
      attrs: {},
      inputs: [f32([2, 2], [300, 0, 0, 0]), f32([3, 2], [1, 0, 0, 0, -1, 0]), i32([2], [1, 2])],
      skipGradient: 'magnitudes beyond central differences',
    },
  ],
});

export const tokenLogprobsHeadGradOp: Op<LogprobsAttrs> = defineOp<LogprobsAttrs>({
  name: 'tokenLogprobsHeadGrad',
  formula:
    'dW_v = Σ_n dℓ_n (1[v = t_n] - softmax(z_n)_v) h_n, under a soft cap times 1 - (z_nv/c)². Inputs hidden, head, targets, dℓ',
  infer: (inputs, attrs) => {
    infer(inputs, attrs);
    return [required(inputs, 1)];
  },
  vjp: 'nondifferentiable',
  decompose: (inputs, attrs) => {
    const [hidden, head, targets] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    return vjp([[logprobsOf(hidden, head, targets, attrs).logprobs, required(inputs, 3)]], [head]);
  },
  onnx: (emit, inputs, { attrs: { softCap }, inputTypes }) => {
    const head = required(inputs, 1);
    const rows = dimAt(required(inputTypes, 0).shape, 0);
    const columns = [required(inputs, 2), required(inputs, 3)].map((x) => emit.reshape(x, [rows, 1]));
    let total: string | undefined;
    chunked(emit, rows, [required(inputs, 0), ...columns], ([hidden, targets, d], count) => {
      const logits = logitsOf(emit, hidden as string, head, softCap);
      const minus = emit.node('Mul', [residual(emit, logits, targets as string, count), d as string]);
      const weighted = softCap === undefined ? minus : emit.node('Mul', [minus, capSlopeNode(emit, logits, softCap)]);
      const operands = [weighted, hidden as string, ...(total === undefined ? [] : [total])];
      total = emit.node('Gemm', operands, { transA: { int: 1 }, alpha: { float: -1 } });
    });
    return [total as string];
  },
  samples: () => [
    { name: 'rows', attrs: {}, inputs: [normal([3, 4], 1), normal([7, 4], 2), i32([3], [0, 6, 3]), normal([3], 3)] },
    {
      name: 'soft cap',
      attrs: { softCap: 1.5 },
      inputs: [normal([3, 4], 1), normal([7, 4], 2), i32([3], [0, 6, 3]), normal([3], 3)],
    },
    {
      name: 'more rows than a chunk',
      attrs: {},
      inputs: [
        normal([300, 3], 3),
        normal([5, 3], 4),
        i32(
          [300],
          Array.from({ length: 300 }, (_, i) => i % 5),
        ),
        normal([300], 5),
      ],
    },
  ],
});

export interface LogprobsOptions {
  /** Bound c of the logits: c tanh(z / c). */
  readonly softCap?: number | undefined;
}

/** ln p(targets) [N] of hidden states [N, D] under a head [V, D]; logits are never stored whole. */
export function tokenLogprobs(hidden: Value, head: Value, targets: Value, { softCap }: LogprobsOptions = {}): Value {
  return at(apply(tokenLogprobsOp, [hidden, head, targets], softCap === undefined ? {} : { softCap }), 0);
}
