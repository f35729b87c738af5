import { escapeHtml } from '../html.ts';
import type { CompareResult } from './result.ts';

/** The comparison as one HTML page without anything from outside. */
export function comparePage(result: CompareResult, config: object): string {
  return `<pre>${escapeHtml(JSON.stringify({ result, config }, null, 2))}</pre>`;
}
