import { startChild } from './childProcess.ts';
import { parentProcess } from './parentProcess.ts';

/** What a module does in a process of its own, as types. */
export interface Work {
  readonly task: unknown;
  readonly event: unknown;
  readonly result: unknown;
}

type ToChild<W extends Work> =
  | { readonly type: 'work'; readonly task: W['task'] }
  /** Ends soon, saved. */
  | { readonly type: 'stop' };

type FromChild<W extends Work> =
  | { readonly type: 'event'; readonly event: W['event'] }
  | { readonly type: 'result'; readonly result: W['result'] }
  | { readonly type: 'error'; readonly message: string; readonly stack: string | undefined };

export interface ChildWork<W extends Work> {
  readonly emit: (event: W['event']) => void;
  /** What the user's own code and native libraries write. */
  readonly onOutput: (text: string) => void;
  /** Asks the work to stop. */
  readonly signal: AbortSignal;
  /** What it is, for the error where its process ends without a word. */
  readonly what: string;
}

/** Has a module that calls `workForParent` do a task in a process of its own, whose memory is its own and whose end by force is an Error that says so. */
export async function workInChild<W extends Work>(
  module: URL,
  task: W['task'],
  { emit, onOutput, signal, what }: ChildWork<W>,
): Promise<W['result']> {
  let ended: { readonly result: W['result'] } | undefined;
  let failed: Error | undefined;
  const child = startChild<ToChild<W>, FromChild<W>>(module, {
    onOutput,
    onMessage: (message) => {
      if (message.type === 'event') emit(message.event);
      else if (message.type === 'result') ended = message;
      else {
        failed = new Error(message.message);
        if (message.stack !== undefined) failed.stack = message.stack;
      }
    },
  });
  const stop = (): void => child.send({ type: 'stop' });
  child.send({ type: 'work', task });
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const { code, signal: killer } = await child.ended;
    if (failed) throw failed;
    if (ended) return ended.result;
    throw new Error(
      killer === null
        ? `${what}'s process ended with ${code ?? 'no code'} and without a result`
        : `${what}'s process was ended by ${killer}; the system does so where memory runs out`,
    );
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** The other side, all that a module for `workInChild` does: one task, then this process ends. */
export function workForParent<W extends Work>(
  work: (
    task: W['task'],
    context: { readonly emit: (event: W['event']) => void; readonly signal: AbortSignal },
  ) => Promise<W['result']>,
): void {
  const controller = new AbortController();
  const parent = parentProcess<FromChild<W>>((given) => {
    const message = given as ToChild<W>;
    if (message.type === 'stop') controller.abort();
    else void carryOut(message.task);
  });
  const emit = (event: W['event']): void => void parent.send({ type: 'event', event });
  const carryOut = async (task: W['task']): Promise<void> => {
    try {
      await parent.send({ type: 'result', result: await work(task, { emit, signal: controller.signal }) });
    } catch (error) {
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      await parent.send({ type: 'error', message, stack });
    }
    parent.end();
  };
}
