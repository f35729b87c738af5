import type { z } from 'zod';
import type { UpdateRule } from './optimizer.ts';
import type { Strategy } from './strategy.ts';

/** One kind of optimizer: its part of a run's config, and its rule. */
export interface OptimizerUnit<S extends z.ZodType = z.ZodType> {
  /** A strict object whose `type` is this unit's. */
  readonly schema: S;
  rule(config: z.output<S>): UpdateRule;
}

/** One kind of optimizer that asks for scores instead of gradients. */
export interface StrategyUnit<S extends z.ZodType = z.ZodType> {
  /** A strict object whose `type` is this unit's. */
  readonly schema: S;
  strategy(config: z.output<S>): Strategy;
}
