import { isRecord } from '../hub/json.ts';
import type { MetricsLine } from './events.ts';

const types: ReadonlySet<unknown> = new Set(['step', 'eval', 'forgetting', 'drift', 'done']);

function lineOf(text: string): MetricsLine | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    if (isRecord(value) && types.has(value['type']) && Number.isInteger(value['step'])) {
      return value as unknown as MetricsLine;
    }
  } catch {
    // What a killed process left of a line is none.
  }
  return undefined;
}

/** The lines of a metrics.jsonl; broken ones, which only a kill leaves, are left out. */
export function parseMetrics(text: string): MetricsLine[] {
  return text.split('\n').flatMap((line) => lineOf(line) ?? []);
}

/** The lines that stay when a run goes on from `step`: all up to it, without the end. From step 0 on everything is done again. */
export function metricsUpTo(lines: readonly MetricsLine[], step: number): MetricsLine[] {
  return step === 0 ? [] : lines.filter((line) => line.type !== 'done' && line.type !== 'drift' && line.step <= step);
}

/** Lines as metrics.jsonl holds them. */
export function formatMetrics(lines: readonly MetricsLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}
