import { UsageError } from '../loop/usageError.ts';

/** Somebody pressed Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** 2 for wrong usage, 130 after Ctrl-C, 1 for anything else. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return 2;
  return error instanceof Error && (error instanceof Interrupted || error.name === 'AbortError') ? 130 : 1;
}

/** What stderr says: the message alone, with `debug` the stack and its causes. */
export function errorText(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return `tuneloop: ${String(error)}\n`;
  if (!debug) return `tuneloop: ${error.message.trimEnd()}\n`;
  const cause = error.cause === undefined ? '' : `caused by ${errorText(error.cause, true)}`;
  return `tuneloop: ${error.stack ?? error.message}\n${cause}`;
}
