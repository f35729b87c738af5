import type { z } from 'zod';
import { adafactorUnit } from './adafactor.ts';
import { adamwUnit } from './adamw.ts';
import { clips } from './clips.ts';
import { esUnit } from './es.ts';
import { lionUnit } from './lion.ts';
import { chain, type Optimizer } from './optimizer.ts';
import { sgdUnit } from './sgd.ts';
import type { Strategy } from './strategy.ts';
import type { OptimizerUnit, StrategyUnit } from './unit.ts';

/** Optimizers that follow gradients. */
export const ruleUnits = { adamw: adamwUnit, sgd: sgdUnit, lion: lionUnit, adafactor: adafactorUnit } as const;

/** Optimizers that ask for scores. */
export const strategyUnits = { es: esUnit } as const;

/** Every kind of optimizer by the name that configs give it. */
export const optimizerUnits = { ...ruleUnits, ...strategyUnits } as const;

export type OptimizerType = keyof typeof optimizerUnits;

type Schemas = { readonly [T in OptimizerType]: (typeof optimizerUnits)[T]['schema'] };

/** A config of any kind of optimizer, told apart by its type. */
export type OptimizerConfig = z.output<Schemas[OptimizerType]>;

/** The kinds' schemas, as a discriminated union takes them. */
export const optimizerSchemas = Object.values(optimizerUnits).map(({ schema }) => schema) as unknown as readonly [
  Schemas[OptimizerType],
  ...Schemas[OptimizerType][],
];

/** A config of a kind that follows gradients. */
export type RuleConfig = z.output<Schemas[keyof typeof ruleUnits]>;

/** Whether an optimizer asks for scores instead of gradients. */
export const isStrategy = (config: OptimizerConfig): config is Exclude<OptimizerConfig, RuleConfig> =>
  Object.hasOwn(strategyUnits, config.type);

/** The optimizer of a config: gradients clipped to its norm, then its rule. TypeError on one that asks for scores. */
export function makeOptimizer(config: OptimizerConfig): Optimizer {
  if (isStrategy(config)) throw new TypeError(`Expected an optimizer that follows gradients but found ${config.type}`);
  const unit = ruleUnits[config.type] as unknown as OptimizerUnit<z.ZodType<RuleConfig>>;
  return chain(clips[config.clipBy](config.maxGradNorm), unit.rule(config));
}

/** The optimizer of a config that asks for scores. */
export function makeStrategy(config: Exclude<OptimizerConfig, RuleConfig>): Strategy {
  const unit = strategyUnits[config.type] as StrategyUnit<z.ZodType<Exclude<OptimizerConfig, RuleConfig>>>;
  return unit.strategy(config);
}
