import type { z } from 'zod';
import type { AnyObjective } from './objective.ts';

/** One kind of objective: its part of a run's config, and the loss that it describes. */
export interface ObjectiveUnit<S extends z.ZodType = z.ZodType> {
  /** A strict object whose `type` is this unit's. */
  readonly schema: S;
  make(config: z.output<S>): AnyObjective;
}

/** Lets the compiler infer the schema's type. */
export const objectiveUnit = <S extends z.ZodType>(unit: ObjectiveUnit<S>): ObjectiveUnit<S> => unit;
