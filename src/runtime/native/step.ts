import type { Shape } from '../../ir/types.ts';
import type { Ref } from './ref.ts';

/** One call of a kernel: slots are the inputs, then the outputs. */
export interface KernelStep {
  readonly kind: 'kernel';
  readonly kernel: string;
  /** The op of the graph that it is for, and its place. */
  readonly origin: string;
  readonly inputs: readonly (Ref | null)[];
  readonly outputs: readonly Ref[];
  /** Outputs that the kernel can do without, when nothing reads them. */
  readonly optional: readonly number[];
  /** Inputs of f32 that the kernel reads in bf16 too. */
  readonly narrow: readonly number[];
  /** Output to input that it may be written over. */
  readonly inPlace: Readonly<Record<number, number>>;
  readonly ints: readonly number[];
  readonly floats: readonly number[];
}

/** One elementwise operation over the output's shape; operands broadcast to it. */
export interface ElementwiseStep {
  readonly kind: 'elementwise';
  readonly operation: string;
  readonly inputs: readonly Ref[];
  readonly outputs: readonly [Ref];
}

/** Elementwise operations that become one pass over memory. */
export interface ChainStep {
  readonly kind: 'chain';
  readonly shape: Shape;
  readonly members: readonly ElementwiseStep[];
  /** What members read that no member before them writes. */
  readonly inputs: readonly Ref[];
  /** All that members write; what only members read never reaches memory. */
  readonly outputs: readonly Ref[];
}

export type Step = KernelStep | ElementwiseStep;
export type PlannedStep = KernelStep | ChainStep;
