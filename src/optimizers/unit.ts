import type { z } from 'zod';
import type { UpdateRule } from './optimizer.ts';

/** One kind of optimizer: its part of a run's config, and its rule. */
export interface OptimizerUnit<S extends z.ZodType = z.ZodType> {
  /** A strict object whose `type` is this unit's. */
  readonly schema: S;
  rule(config: z.output<S>): UpdateRule;
}
