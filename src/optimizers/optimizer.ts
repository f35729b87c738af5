import type { Value } from '../ir/graph.ts';
import type { Shape } from '../ir/types.ts';

/** Numbers that change from step to step, computed on the host in f64 and fed as scalars. */
export type Scalars = Readonly<Record<string, number>>;

export interface StepState {
  readonly params: readonly Value[];
  readonly gradients: readonly Value[];
  /** State by slot name, one value per parameter. */
  readonly slots: Readonly<Record<string, readonly Value[]>>;
  readonly scalars: Readonly<Record<string, Value>>;
  /** Whether weight decay reaches each parameter. */
  readonly decays: readonly boolean[];
}

export interface StepResult {
  readonly params: readonly Value[];
  readonly slots: Readonly<Record<string, readonly Value[]>>;
}

/** A value of a record by its name. */
export function named<T>(record: Readonly<Record<string, T>>, name: string): T {
  const value = record[name];
  if (value === undefined) throw new RangeError(`Expected ${name} among ${Object.keys(record).join(', ')}`);
  return value;
}

/** Gradients in, gradients out, with what was measured on the way. */
export interface GradientTransform {
  readonly name: string;
  /** Looks at each parameter's gradient by itself, so that parameters cannot be one flat vector. */
  readonly perTensor?: boolean;
  apply(gradients: readonly Value[]): {
    readonly gradients: readonly Value[];
    readonly metrics: Readonly<Record<string, Value>>;
  };
}

/** A pure update rule: state per slot, zero at the start. */
export interface UpdateRule {
  readonly name: string;
  readonly slots: readonly string[];
  /** Element i of an update depends on element i alone: parameters may then be updated as one flat vector. */
  readonly elementwise: boolean;
  /** Shape of a parameter's state in a slot; the parameter's own unless given, which only rules do that are not elementwise. */
  slotShape?(slot: string, shape: Shape): Shape;
  /** Scalars of step 1, 2, … at a learning rate. */
  scalars(step: number, learningRate: number): Scalars;
  apply(state: StepState): StepResult;
}

/** Transforms of the gradients, in order, and the rule that ends them. */
export interface Optimizer {
  readonly transforms: readonly GradientTransform[];
  readonly rule: UpdateRule;
}

/** Whether neighbouring parameters may be updated as one flat vector. */
export const isFlat = ({ transforms, rule }: Optimizer): boolean =>
  rule.elementwise && transforms.every(({ perTensor }) => perTensor !== true);

/** Composes transforms and a rule: `chain(clipByGlobalNorm(1), adamw({…}))`. */
export function chain(...parts: readonly [...GradientTransform[], UpdateRule]): Optimizer {
  const rule = parts.at(-1) as UpdateRule;
  return { transforms: parts.slice(0, -1) as GradientTransform[], rule };
}
