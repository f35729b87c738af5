import { writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** Ends the process with the name of the case under way once it takes too long: a reader that hangs cannot be interrupted from its own thread. */
export function watchdog(limitMs: number): { at(name: string): void; end(): void } {
  const text = new Uint8Array(new SharedArrayBuffer(256));
  const beat = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL(import.meta.url), { workerData: { text, beat, limitMs } });
  worker.unref();
  const encoder = new TextEncoder();
  return {
    at(name) {
      text.fill(0);
      text.set(encoder.encode(name).subarray(0, 256));
      Atomics.add(beat, 0, 1);
    },
    end: () => void worker.terminate(),
  };
}

if (!isMainThread && parentPort !== null) {
  const { text, beat, limitMs } = workerData as { text: Uint8Array; beat: Int32Array; limitMs: number };
  let last = -1;
  let since = 0;
  // By computing time, since a busy machine may not run the process for long.
  const cpuMs = (): number => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
  setInterval(() => {
    const now = Atomics.load(beat, 0);
    if (now !== last) since = cpuMs();
    else if (cpuMs() - since > limitMs) {
      writeSync(
        1,
        `FOUND a hang: ${new TextDecoder().decode(text.slice()).replaceAll('\0', '')} takes over ${limitMs / 1000} s\n`,
      );
      process.kill(process.pid, 'SIGKILL');
    }
    last = now;
  }, 1000);
}
