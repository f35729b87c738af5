import type { Interrupts } from './program.ts';

/** Launchers hand a Ctrl-C on that the terminal has sent to us as well: what follows this soon is the same one. */
const sameMs = 400;

/** SIGINT to an abort signal: the first asks, one after that ends the process with 130, as the first does where nobody would look at the signal. */
export function watchInterrupts(process: NodeJS.Process): Interrupts {
  const controller = new AbortController();
  let graceful = false;
  let first: number | undefined;
  process.on('SIGINT', () => {
    const now = performance.now();
    if (!graceful || (first !== undefined && now - first > sameMs)) return process.exit(130);
    if (first !== undefined) return undefined;
    first = now;
    return controller.abort();
  });
  return {
    signal: controller.signal,
    expectStop(stopsBySignal) {
      graceful = stopsBySignal;
    },
  };
}
