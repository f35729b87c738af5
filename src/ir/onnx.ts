import type { DType, Shape } from './types.ts';

/** Attribute of an ONNX node, its kind explicit because ONNX tells 1 from 1.0. */
export type OnnxAttr =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] };

export interface OnnxOptions {
  readonly domain?: string;
  /** Number of outputs; default 1. */
  readonly outputs?: number;
}

/** An element type that ONNX constants and casts may have beyond the IR's own. */
export type OnnxDType = DType | 'i64';

export interface ProductOptions {
  readonly ranks: readonly [number, number];
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly alpha?: number;
}

/** What an op's lowering writes to. Equal nodes and equal constants are emitted once. */
export interface OnnxEmitter {
  /** Adds a node and returns the name of its first output. */
  node(
    opType: string,
    inputs: readonly (string | null)[],
    attrs?: Readonly<Record<string, OnnxAttr>>,
    options?: OnnxOptions,
  ): string;
  /** Adds a node of several outputs. */
  nodes(
    opType: string,
    inputs: readonly (string | null)[],
    attrs: Readonly<Record<string, OnnxAttr>>,
    options: OnnxOptions,
  ): readonly string[];
  /** A constant, made once per key; `values` is only called for a new key. */
  constant(key: string, dtype: OnnxDType, shape: Shape, values: () => ArrayLike<number>): string;
  /** Shorthand: an int64 vector. */
  ints(values: readonly number[]): string;
  /** Shorthand: an f32 scalar. */
  scalar(value: number): string;
  reshape(input: string, shape: Shape): string;
  /** x[…, start:end, …] along an axis. */
  slice(x: string, dtype: DType, axis: number, start: number, end: number): string;
  /** x backwards along an axis of the given size. */
  flip(x: string, dtype: DType, axis: number, size: number): string;
  /** x[…, index[…, k, …], …] along an axis of the given size. */
  take(x: string, dtype: DType, index: string, axis: number, size: number): string;
  /** What an operator that only moves elements makes of values of this dtype; it takes f32 and i32 on every target. */
  moved(dtype: DType, inputs: readonly string[], move: (inputs: readonly string[]) => string): string;
  /** alpha A B over the last two axes, each of them transposed before; `ranks` are those of A and B. */
  product(a: string, b: string, options: ProductOptions): string;
  cast(input: string, to: OnnxDType): string;
}
