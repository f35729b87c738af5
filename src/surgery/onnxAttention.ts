import type { RotaryFrequencies } from '../ir/ops/rotary.ts';
import type { OnnxModel } from '../runtime/onnx/encode.ts';
import type { OnnxWriter } from './onnxWriter.ts';

/** Where tokens stand in a graph with input_ids, attention_mask and position_ids. */
export interface Places {
  /** i64 vectors of one element. */
  readonly batch: string;
  readonly sequence: string;
  readonly total: string;
  /** 0 where a key may be seen, else a large negative number: [B, 1, T, S]; by the layer's window. */
  readonly mask: (window: number | null) => string;
}

export function causalPlaces({ emit, sizeAt }: OnnxWriter): Places {
  const [batch, sequence] = [sizeAt('input_ids', 0), sizeAt('input_ids', 1)];
  const total = sizeAt('attention_mask', 1);
  const scalar = (x: string): string => emit.node('Squeeze', [x, emit.ints([0])]);
  const zero = emit.constant('i64 zero', 'i64', [], () => [0]);
  const one = emit.constant('i64 one', 'i64', [], () => [1]);
  const past = emit.node('Sub', [total, sequence]);
  // Keys are in the order of the cache: a query sees those up to its own place, and no padding.
  const keys = emit.node('Range', [zero, scalar(total), one]);
  const queries = emit.node('Range', [scalar(past), scalar(total), one]);
  const rows = emit.node('Unsqueeze', [queries, emit.ints([1])]);
  const before = emit.node('LessOrEqual', [keys, rows]);
  const present = emit.node('Unsqueeze', [emit.cast('attention_mask', 'bool'), emit.ints([1, 2])]);
  const mask = (window: number | null): string => {
    const near = (size: number): string => {
      const width = emit.constant(`i64 window ${size}`, 'i64', [], () => [size]);
      // Keys nearer than the window, the query's own among them.
      return emit.node('And', [before, emit.node('Greater', [keys, emit.node('Sub', [rows, width])])]);
    };
    const visible = emit.node('Unsqueeze', [window === null ? before : near(window), emit.ints([0, 1])]);
    const seen = emit.node('And', [visible, present]);
    return emit.node('Where', [seen, emit.scalar(0), emit.scalar(-3e38)]);
  };
  return { batch, sequence, total, mask };
}

export type Rotation = (x: string) => string;

/** Turns heads [B, H, T, width] by their positions: (x₁ cos - x₂ sin, x₂ cos + x₁ sin). */
export function rotation(
  { emit, mul, scaled, slice }: OnnxWriter,
  rope: RotaryFrequencies,
  name = 'frequencies',
): Rotation {
  const { inverseFrequencies, attentionFactor } = rope;
  const half = inverseFrequencies.length;
  const frequencies = emit.constant(name, 'f32', [half], () => inverseFrequencies);
  const places = emit.node('Unsqueeze', [emit.cast('position_ids', 'f32'), emit.ints([1, 3])]);
  const angles = mul(places, frequencies);
  const cos = scaled(emit.node('Cos', [angles]), attentionFactor);
  const sin = scaled(emit.node('Sin', [angles]), attentionFactor);
  return (x) => {
    const [first, second] = [slice(x, 0, half), slice(x, half, 2 * half)];
    const halves = [
      emit.node('Sub', [mul(first, cos), mul(second, sin)]),
      emit.node('Add', [mul(second, cos), mul(first, sin)]),
    ];
    return emit.node('Concat', halves, { axis: { int: -1 } });
  };
}

export interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headWidth: number;
}

/** y [N, count·width] as [B, count, T, width]. */
export function splitHeads(
  { emit, reshape, transpose }: OnnxWriter,
  places: Places,
  y: string,
  count: number,
  width: number,
): string {
  return transpose(reshape(y, places.batch, places.sequence, emit.ints([count, width])), 0, 2, 1, 3);
}

/** softmax(scale q kᵀ + mask) v of heads [B, H, T, width] and keys and values [B, K, S, width], as [N, H·width]. */
export function attention(
  { emit, reshape, transpose, scaled }: OnnxWriter,
  places: Places,
  { heads, kvHeads, headWidth }: Heads,
  operands: {
    readonly q: string;
    readonly keys: string;
    readonly values: string;
    readonly mask: string;
    readonly scale: number;
  },
): string {
  const { q, keys, values, mask, scale } = operands;
  // Heads that share keys lie together as rows of one product.
  const grouped = (y: string): string => (heads === kvHeads ? y : reshape(y, emit.ints([0, kvHeads, -1, headWidth])));
  const scores = emit.node('MatMul', [scaled(grouped(q), scale), transpose(keys, 0, 1, 3, 2)]);
  const shape = [places.batch, emit.ints([heads]), places.sequence, places.total];
  const masked = emit.node('Add', [reshape(scores, ...shape), mask]);
  const weights = emit.node('Softmax', [masked], { axis: { int: -1 } });
  const groups = [places.batch, emit.ints([kvHeads, -1]), places.total];
  const mixed = emit.node('MatMul', [heads === kvHeads ? weights : reshape(weights, ...groups), values]);
  const perHead = reshape(mixed, places.batch, emit.ints([heads]), places.sequence, emit.ints([headWidth]));
  return reshape(transpose(perHead, 0, 2, 1, 3), emit.ints([-1, heads * headWidth]));
}

/** Attention of a layer over its cache, which it lengthens. */
export function cachedAttention(
  writer: OnnxWriter,
  places: Places,
  sizes: Heads,
  operands: { readonly q: string; readonly k: string; readonly v: string },
  options: { readonly layer: number; readonly scale: number; readonly window: number | null },
): { readonly out: string; readonly present: Present } {
  const { layer, scale, window } = options;
  const appended = (part: string, y: string): string =>
    writer.emit.node('Concat', [`past_key_values.${layer}.${part}`, y], { axis: { int: 2 } });
  const [keys, values] = [appended('key', operands.k), appended('value', operands.v)];
  const out = attention(writer, places, sizes, { q: operands.q, keys, values, mask: places.mask(window), scale });
  return {
    out,
    present: [
      [`present.${layer}.key`, keys],
      [`present.${layer}.value`, values],
    ],
  };
}

export type Present = readonly (readonly [name: string, value: string])[];

/**
 * A causal decoder of the kind that transformers.js and optimum know: input_ids, attention_mask, position_ids [B, T] and the
 * caches in, logits [B, T, V] and the longer caches out. `logits` is [B·T, V].
 */
export function decoderModel(
  writer: OnnxWriter,
  places: Places,
  sizes: Heads & { readonly layers: number; readonly vocabSize: number },
  logits: string,
  present: Present,
): OnnxModel {
  const { emit, reshape } = writer;
  const { layers, kvHeads, headWidth, vocabSize } = sizes;
  const outputs = new Map([
    ['logits', reshape(logits, places.batch, places.sequence, emit.ints([vocabSize]))],
    ...present,
  ]);
  const cache = (length: string): readonly (number | string)[] => ['batch', kvHeads, length, headWidth];
  const caches = Array.from({ length: layers }, (_, layer) =>
    ['key', 'value'].map((part) => ({
      name: `past_key_values.${layer}.${part}`,
      dtype: 'f32' as const,
      shape: cache('past'),
    })),
  ).flat();
  return {
    inputs: [
      { name: 'input_ids', dtype: 'i64', shape: ['batch', 'sequence'] },
      { name: 'attention_mask', dtype: 'i64', shape: ['batch', 'total'] },
      { name: 'position_ids', dtype: 'i64', shape: ['batch', 'sequence'] },
      ...caches,
    ],
    outputs: [
      { name: 'logits', dtype: 'f32', shape: ['batch', 'sequence', vocabSize] },
      ...present.map(([name]) => ({ name, dtype: 'f32' as const, shape: cache('total') })),
    ],
    nodes: [
      ...emit.emitted,
      ...[...outputs].map(([name, value]) => ({ opType: 'Identity', inputs: [value], outputs: [name] })),
    ],
    initializers: writer.held(),
  };
}
