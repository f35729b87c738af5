import process from 'node:process';

export interface Parent<Out> {
  /** Resolves once the message is handed over. */
  send(message: Out): Promise<void>;
  /** Ends this process. */
  end(): void;
}

/** The parent of a process that `startChild` started. The process ends with it, and leaves a terminal's Ctrl-C, which reaches both, to it. */
export function parentProcess<Out extends object>(onMessage: (message: unknown) => void): Parent<Out> {
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => process.exit(1));
  process.on('message', onMessage);
  return {
    send: (message) =>
      new Promise((resolve) => {
        if (process.send) process.send(message, undefined, undefined, () => resolve());
        else resolve();
      }),
    end: () => process.exit(0),
  };
}
