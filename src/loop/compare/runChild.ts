import { startChild } from '../../runtime/node/childProcess.ts';
import type { TuneConfig } from '../config.ts';
import type { RunEvent, RunSummary } from '../tuneRun.ts';
import type { FromChild, ToChild } from './child.ts';

// A package holds compiled files beside each other under the other ending.
const module = new URL(import.meta.url.endsWith('.ts') ? './child.ts' : './child.js', import.meta.url);

export interface ChildRun {
  readonly config: TuneConfig;
  /** Where the run lies, or goes on; all checks and plans without a step where it is left out. */
  readonly folder?: string;
  readonly emit: (event: RunEvent) => void;
  /** What the user's own code and native libraries write. */
  readonly onOutput: (text: string) => void;
  readonly signal: AbortSignal;
}

/** A run of a config in a process of its own, whose memory is its own and whose end by force is an Error that says so. */
export async function runInChild({ config, folder, emit, onOutput, signal }: ChildRun): Promise<RunSummary> {
  let summary: RunSummary | undefined;
  let failed: Error | undefined;
  const child = startChild<ToChild, FromChild>(module, {
    onOutput,
    onMessage: (message) => {
      if (message.type === 'event') emit(message.event);
      else if (message.type === 'summary') ({ summary } = message);
      else {
        failed = new Error(message.message);
        if (message.stack !== undefined) failed.stack = message.stack;
      }
    },
  });
  const stop = (): void => child.send({ type: 'stop' });
  child.send({ type: 'work', config, ...(folder === undefined ? {} : { folder }) });
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const { code, signal: killer } = await child.ended;
    if (failed) throw failed;
    if (summary) return summary;
    throw new Error(
      killer === null
        ? `the run's process ended with ${code ?? 'no code'} and without a result`
        : `the run's process was ended by ${killer}; the system does so where memory runs out`,
    );
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
