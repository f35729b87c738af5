import { formatDuration } from '../loop/units.ts';
import type { Figures } from '../papers/recipe.ts';
import { outcomeText } from '../papers/verdict.ts';
import type { VerifyResult } from '../papers/verify.ts';

const rounded = (value: number): number => Number(value.toPrecision(4));

/** Figures in a line. */
export const figuresText = (figures: Figures): string =>
  Object.entries(figures)
    .map(([name, value]) => `${name} ${rounded(value)}`)
    .join(', ');

/** A verification in lines: each outcome, then the verdict with model, engine and cost. */
export function outcomeLines({ outcomes, verdict, seeds, seconds, cpuSeconds, model, engine }: VerifyResult): string[] {
  const cost =
    cpuSeconds === undefined ? `${formatDuration(seconds)} by the clock` : `${formatDuration(cpuSeconds)} of processor`;
  return [
    ...outcomes.map((outcome) => outcomeText(outcome, 4)),
    `${verdict}: ${seeds.length} seeds, ${model} on ${engine}, ${cost}`,
  ];
}
