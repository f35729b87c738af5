/** The thread side of `sha256OnThread`. */
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** Bytes to take in, whose memory is free again once they come back; or nothing more. */
export type HashInput = Uint8Array<SharedArrayBuffer> | 'end';

export type HashOutput = Uint8Array<SharedArrayBuffer> | { readonly digest: string };

const hash = createHash('sha256');

parentPort?.on('message', (input: HashInput) => {
  if (input !== 'end') hash.update(input);
  const output: HashOutput = input === 'end' ? { digest: hash.digest('hex') } : input;
  parentPort?.postMessage(output, []);
});
