/** The thread side of `sha256OnThread`. */
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** Bytes to take in, whose buffer goes back; or nothing more. */
export type HashInput = { readonly buffer: ArrayBuffer; readonly length: number } | 'end';

export type HashOutput = ArrayBuffer | { readonly digest: string };

const hash = createHash('sha256');

parentPort?.on('message', (input: HashInput) => {
  if (input === 'end') {
    const output: HashOutput = { digest: hash.digest('hex') };
    parentPort?.postMessage(output, []);
    return;
  }
  hash.update(new Uint8Array(input.buffer, 0, input.length));
  parentPort?.postMessage(input.buffer, [input.buffer]);
});
