import { Worker } from 'node:worker_threads';
import type { HashInput, HashOutput } from './hash-worker.ts';

// A package holds compiled files beside each other under the other ending.
const workerUrl = new URL(import.meta.url.endsWith('.ts') ? './hash-worker.ts' : './hash-worker.js', import.meta.url);

/** Pieces that may wait for the thread. */
const ahead = 4;

/** SHA-256 of pieces one after another, computed on a thread of its own; a piece is valid until the next one is asked for. Throws what the pieces throw. */
export async function sha256OnThread(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const worker = new Worker(workerUrl);
  const spare: ArrayBuffer[] = [];
  let under = 0;
  let failed: Error | undefined;
  let digest: string | undefined;
  let wake: () => void = () => undefined;
  worker.on('message', (output: HashOutput) => {
    if (output instanceof ArrayBuffer) {
      spare.push(output);
      under--;
    } else digest = output.digest;
    wake();
  });
  worker.on('error', (error) => {
    failed = error instanceof Error ? error : new Error(String(error));
    wake();
  });
  const until = async (met: () => boolean): Promise<void> => {
    while (!met()) {
      if (failed) throw failed;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  try {
    for await (const piece of pieces) {
      await until(() => under < ahead);
      const { length } = piece;
      const last = spare.pop();
      const buffer = last && last.byteLength >= length ? last : new ArrayBuffer(Math.max(length, 2 ** 20));
      new Uint8Array(buffer).set(piece);
      const input: HashInput = { buffer, length };
      worker.postMessage(input, [buffer]);
      under++;
    }
    const end: HashInput = 'end';
    worker.postMessage(end, []);
    await until(() => digest !== undefined);
    return digest ?? '';
  } finally {
    await worker.terminate();
  }
}
