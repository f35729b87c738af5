import { z } from 'zod';
import type { Strategy } from './strategy.ts';
import type { StrategyUnit } from './unit.ts';

export interface EsOptions {
  /** Points of a step. */
  readonly populationSize: number;
  /** Distance of the points, in each parameter. */
  readonly sigma: number;
  readonly sharedNoise: boolean;
}

/** (x - mean x) / (std x + 1e-8), std that of the population; 0 where there is none. */
export function zScores(values: readonly (number | null)[]): number[] {
  const known = values.filter((value) => value !== null);
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const variance = known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / known.length;
  return values.map((value) => (value === null ? 0 : (value - mean) / (Math.sqrt(variance) + 1e-8)));
}

/**
 * Evolution strategies: points θ + σ ε_n, n = 1 … N, and θ ← θ + α (1/N) Σ_n z_n ε_n with z the z-scores of their rewards; 1/σ is in
 * α. Qiu et al. 2025, Evolution Strategies at Scale, algorithm 2; the official code, whose first form gives tensors of equal shape
 * equal noise (`sharedNoise`).
 */
export function es({ populationSize, sigma, sharedNoise }: EsOptions): Strategy {
  const points = Array.from({ length: populationSize }, (_, noise) => ({ noise, scale: sigma }));
  return {
    name: 'es',
    sharedNoise,
    ask: () => points,
    tell: (scores) => zScores(scores).map((z, noise) => ({ noise, scale: z / populationSize })),
  };
}

const schema = z.strictObject({
  type: z.literal('es').describe('has no gradients but tries points beside the weights'),
  learningRate: z.number().min(0).default(5e-4).describe('Peak learning rate'),
  populationSize: z.number().int().min(2).max(1e6).default(30).describe('Points that es tries at each step'),
  sigma: z.number().positive().default(1e-3).describe('Deviation of the noise by which es moves each parameter'),
  sharedNoise: z
    .boolean()
    .default(false)
    .describe('Gives tensors of equal shape the same noise, as the first form of the official code does'),
});

export const esUnit: StrategyUnit<typeof schema> = { schema, strategy: es };
