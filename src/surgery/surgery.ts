import type { z } from 'zod';
import type { Shape } from '../ir/types.ts';
import type { LinearAlgebra } from '../runtime/linalg/service.ts';

/** One tensor of all models that go into a surgery, in f32. */
export interface SurgeryTensor {
  readonly name: string;
  readonly shape: Shape;
  /** Of the model that the others were tuned from. */
  readonly base: Float32Array;
  readonly models: readonly Float32Array[];
}

export interface SurgeryResult {
  readonly values: Float32Array;
  /** What was found on the way, by name. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** Weights in, weights out, tensor by tensor. Where all models equal the base, so does the result. */
export interface SurgeryUnit<S extends z.ZodType = z.ZodType> {
  readonly type: string;
  /** What it does, for the help. */
  readonly about: string;
  /** A strict object. */
  readonly schema: S;
  /** Every float tensor, or the weights of linear layers alone, as [out, in]; the others are then those of the first model. */
  readonly on: 'tensors' | 'linears';
  /** How many models beside the base it takes. */
  readonly models: { readonly least: number; readonly most: number };
  operate(
    tensor: SurgeryTensor,
    options: z.output<S>,
    services: { readonly linalg: LinearAlgebra },
  ): SurgeryResult | Promise<SurgeryResult>;
}

/** Lets the compiler infer the schema's type. */
export const defineSurgery = <S extends z.ZodType>(unit: SurgeryUnit<S>): SurgeryUnit<S> => unit;
