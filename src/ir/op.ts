import type { Value } from './graph.ts';
import type { OnnxEmitter } from './onnx.ts';
import type { Dense, TensorType } from './types.ts';

/** What an attribute may hold: plain data, so that graphs can be compared, printed and cached. */
export type AttrValue = number | string | boolean | undefined | readonly AttrValue[] | Float64Array | object;

export type Attrs = Readonly<Record<string, AttrValue>>;

/** One case that drives the generic tests of an op: forward, gradient and every engine. */
export interface Sample<A extends Attrs = Attrs> {
  readonly name: string;
  readonly attrs: A;
  /** `null` stands for an optional input that is left out. */
  readonly inputs: readonly (Dense | null)[];
  /** Set when central differences are meaningless here: ties, jumps, overflow on purpose. */
  readonly skipGradient?: string;
  /** Allowed error of an f32 engine, relative to the largest magnitude of the output; default 2e-6. */
  readonly tolerance?: number;
}

export interface VjpContext<A extends Attrs> {
  readonly attrs: A;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  /** Gradient of the loss with respect to each output; undefined where an output does not reach the loss. */
  readonly cotangents: readonly (Value | undefined)[];
  /** Which inputs a gradient is wanted for. */
  readonly needs: readonly boolean[];
}

/** Method syntax keeps an op of narrow attributes assignable to `Op`. */
type Vjp<A extends Attrs> = { vjp(context: VjpContext<A>): readonly (Value | undefined | null)[] }['vjp'];

/**
 * One operation. A primitive states `reference`; a composite states `decompose`, which is also its reference and
 * what an engine without a kernel for it runs.
 */
export interface Op<A extends Attrs = Attrs> {
  readonly name: string;
  /** The mathematics in one line, with behaviour at extremes. */
  readonly formula: string;
  /** Output types, or a RangeError or TypeError that says what was expected and found. */
  infer(inputs: readonly (TensorType | null)[], attrs: A): readonly TensorType[];
  readonly vjp: Vjp<A> | 'nondifferentiable';
  /** Inputs that its outputs depend on as far as gradients go; all unless given. */
  readonly gradientInputs?: readonly number[];
  reference?(inputs: readonly (Dense | null)[], attrs: A): readonly Dense[];
  decompose?(inputs: readonly (Value | null)[], attrs: A): readonly Value[];
  /** Output index to input index: the ONNX lowering holds only where those outputs are written over those leaves. */
  readonly onnxInPlace?: Readonly<Record<number, number>>;
  /** Emits ONNX nodes and returns the names of the outputs. Without it the decomposition is lowered. */
  onnx?(emit: OnnxEmitter, inputs: readonly (string | null)[], node: OnnxNodeView<A>): readonly string[];
  /** The same in plainer operators, for providers that refuse one of `onnx`'s. */
  onnxPlain?(emit: OnnxEmitter, inputs: readonly (string | null)[], node: OnnxNodeView<A>): readonly string[];
  /**
   * True where output 0 may be written over an input of its own type: element i of the output depends on no other
   * element of that input.
   */
  readonly elementwise?: boolean;
  /**
   * Fills output 0 on the host before a run, from leaves alone: for an engine that has no kernel of its own. `out` has
   * one element per element of the output.
   */
  host?(inputs: readonly ArrayLike<number>[], attrs: A, out: Float32Array | Int32Array | Uint8Array): void;
  /**
   * Where a large value is made of a small one: it is made again for each reader that asks for it (see `recomputed`)
   * instead of being kept; with its input, where that is such a value.
   */
  readonly recompute?: 'always' | 'withInput';
  /** True where attributes hold values of their own: equal-looking nodes are then never merged. */
  readonly opaque?: boolean;
  samples?(): readonly Sample<A>[];
}

/** What a lowering may know of the node that it lowers. */
export interface OnnxNodeView<A extends Attrs> {
  readonly attrs: A;
  readonly inputTypes: readonly (TensorType | null)[];
  readonly outputTypes: readonly TensorType[];
  /** Which outputs anything reads. */
  readonly used: readonly boolean[];
}

export function defineOp<A extends Attrs>(op: Op<A>): Op<A> {
  return op;
}
