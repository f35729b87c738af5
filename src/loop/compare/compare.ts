import { type Run, startRun } from '../run.ts';
import { carryOut } from './carryOut.ts';
import { type CompareConfigInput, type Comparison, parseComparison } from './config.ts';
import type { CompareEvent, CompareSummary } from './events.ts';
import { joinComparison } from './folder.ts';

export interface CompareOptions {
  /** Folder of the comparison: a new one, or one to go on with. */
  readonly out: string;
  /** Stops all runs after the step under way, saved. */
  readonly signal?: AbortSignal;
  /** Replaces the comparison that the folder holds. */
  readonly overwrite?: boolean;
  /** All checks and plans, no run, nothing written. */
  readonly dryRun?: boolean;
  /** Runs side by side; as cores and memory allow unless given. */
  readonly parallel?: number;
}

export type CompareRuns = Run<CompareEvent, CompareSummary>;

/** The same for a config that `parse` checks once the comparison has begun. */
export function startComparison(parse: () => Promise<Comparison>, options: CompareOptions): CompareRuns {
  return startRun(async (emit: (event: CompareEvent) => void, signal) => {
    const asked = await parse();
    const { out, overwrite = false, dryRun = false, parallel } = options;
    const comparison = dryRun ? asked : await joinComparison(out, asked, overwrite);
    for (const message of comparison.notices) emit({ type: 'notice', message });
    return carryOut(comparison, { out, emit, signal, dryRun, overwrite, parallel });
  }, options.signal);
}

/** Compares methods on one model and data by runs over seeds, each in a process of its own: `for await (const event of comparison)`, then `await comparison.summary`. Goes on with what is missing where the folder holds the same comparison. UsageError for a config or a folder that is none, or another; a run that fails loses no other. */
export const compare = (config: CompareConfigInput, options: CompareOptions): CompareRuns =>
  startComparison(() => parseComparison(config), options);
