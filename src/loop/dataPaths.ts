import type { TuneConfig } from './config.ts';

/** One text or several as a list. */
export const listOf = <T>(value: T | readonly T[]): readonly T[] =>
  (Array.isArray(value) ? value : [value]) as readonly T[];

/** What is evaluated on, where the config names data for it. */
export function heldOutOf({
  path,
  split,
  evalPath,
  evalSplit,
}: TuneConfig['data']): { paths: readonly string[]; split: string } | undefined {
  if (evalPath !== undefined) return { paths: listOf(evalPath), split: evalSplit ?? 'validation' };
  return evalSplit === undefined || evalSplit === split ? undefined : { paths: listOf(path), split: evalSplit };
}
