import type { OnnxEmitter } from '../onnx.ts';

/** Tokens whose probabilities are added up before they are added to others: what is rare is not lost in f32. */
const blockSize = 256;

/**
 * The first token at which the cumulative distribution passes u, [n, 1]: first the block of tokens, then the token in it.
 * A token of probability 0 is never taken.
 */
export function inverted(emit: OnnxEmitter, p: string, uniforms: string, rows: number, vocabulary: number): string {
  const blocks = Math.ceil(vocabulary / blockSize);
  const missing = blocks * blockSize - vocabulary;
  const padded = missing === 0 ? p : emit.node('Pad', [p, emit.ints([0, 0, 0, missing])]);
  const grouped = emit.reshape(padded, [rows, blocks, blockSize]);
  const cumulate = (x: string): string => emit.node('CumSum', [x, emit.constant('i64 scalar:1', 'i64', [], () => [1])]);
  const end = (x: string, size: number): string =>
    emit.node('Slice', [x, emit.ints([size - 1]), emit.ints([size]), emit.ints([1])]);
  /** How many elements of a row are at most, or below, a threshold. */
  const count = (op: 'LessOrEqual' | 'Less', x: string, threshold: string): string =>
    emit.node('ReduceSum', [emit.cast(emit.node(op, [x, threshold]), 'i32'), emit.ints([1])], { keepdims: { int: 1 } });
  /** The place that passes the threshold, and no later than where the row has all its weight. */
  const place = (x: string, size: number, threshold: string): string =>
    emit.node('Min', [count('LessOrEqual', x, threshold), count('Less', x, end(x, size))]);
  const sums = emit.node('ReduceSum', [grouped, emit.ints([-1])], { keepdims: { int: 0 } });
  const upTo = cumulate(sums);
  const threshold = emit.node('Mul', [uniforms, end(upTo, blocks)]);
  const block = place(upTo, blocks, threshold);
  const taken = (x: string): string => emit.node('GatherElements', [x, block], { axis: { int: 1 } });
  const before = emit.node('Sub', [taken(upTo), taken(sums)]);
  const rest = emit.node('Sub', [threshold, before]);
  const index = emit.node('Expand', [emit.reshape(block, [rows, 1, 1]), emit.ints([rows, 1, blockSize])]);
  const within = emit.reshape(emit.node('GatherElements', [grouped, index], { axis: { int: 1 } }), [rows, blockSize]);
  const token = place(cumulate(within), blockSize, rest);
  const start = emit.node('Mul', [block, emit.constant(`i32:${blockSize}`, 'i32', [], () => [blockSize])]);
  return emit.node('Add', [start, token]);
}
