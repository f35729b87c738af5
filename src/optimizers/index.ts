import type { z } from 'zod';
import { adafactorUnit } from './adafactor.ts';
import { adamwUnit } from './adamw.ts';
import { clipByComponentNorm } from './clipByComponentNorm.ts';
import { clipByGlobalNorm } from './clipByGlobalNorm.ts';
import { lionUnit } from './lion.ts';
import { chain, type Optimizer } from './optimizer.ts';
import { sgdUnit } from './sgd.ts';
import type { OptimizerUnit } from './unit.ts';

/** Every kind of optimizer by the name that configs give it. */
export const optimizerUnits = { adamw: adamwUnit, sgd: sgdUnit, lion: lionUnit, adafactor: adafactorUnit } as const;

export type OptimizerType = keyof typeof optimizerUnits;

type Schemas = { readonly [T in OptimizerType]: (typeof optimizerUnits)[T]['schema'] };

/** A config of any kind of optimizer, told apart by its type. */
export type OptimizerConfig = z.output<Schemas[OptimizerType]>;

/** The kinds' schemas, as a discriminated union takes them. */
export const optimizerSchemas = Object.values(optimizerUnits).map(({ schema }) => schema) as unknown as readonly [
  Schemas[OptimizerType],
  ...Schemas[OptimizerType][],
];

const clips = { global: clipByGlobalNorm, component: clipByComponentNorm } as const;

/** The optimizer of a config: gradients clipped to its norm, then its rule. */
export function makeOptimizer(config: OptimizerConfig): Optimizer {
  const unit = optimizerUnits[config.type] as unknown as OptimizerUnit<z.ZodType<OptimizerConfig>>;
  return chain(clips[config.clipBy](config.maxGradNorm), unit.rule(config));
}
