import { fork } from 'node:child_process';

export interface ChildOptions<Out> {
  readonly onMessage: (message: Out) => void;
  /** What it writes to its outputs. */
  readonly onOutput: (text: string) => void;
}

export interface Child<In> {
  send(message: In): void;
  /** How it ended: a code or a signal. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/** Runs a module in a process of its own, which is told and tells by messages. It outlives this process only if it does not heed `disconnect`. */
export function startChild<In extends object, Out>(module: URL, { onMessage, onOutput }: ChildOptions<Out>): Child<In> {
  const child = fork(module, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], serialization: 'advanced' });
  child.on('message', (message) => onMessage(message as Out));
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', onOutput);
  return {
    send: (message) => {
      // One that has just ended can no longer be told.
      if (child.connected) child.send(message, () => undefined);
    },
    ended: new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal }));
    }),
  };
}
