import { Worker } from 'node:worker_threads';
import type { HashInput, HashOutput } from './hash-worker.ts';
import { moduleBeside } from '../../runtime/node/moduleBeside.ts';

const workerUrl = moduleBeside(import.meta.url, 'hash-worker');

/** Bytes that the thread is handed at once, and how often before it has taken some in. */
const [blockBytes, ahead] = [2 ** 21, 3];

/** Pieces gathered in blocks: each is valid until the next one is asked for, and is handed on in memory of `take`. */
async function* blocksOf(
  pieces: AsyncIterable<Uint8Array>,
  take: () => Promise<Uint8Array<SharedArrayBuffer>>,
): AsyncGenerator<Uint8Array<SharedArrayBuffer>> {
  let block = await take();
  let filled = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const count = Math.min(blockBytes - filled, piece.length - at);
      block.set(piece.subarray(at, at + count), filled);
      [at, filled] = [at + count, filled + count];
      if (filled < blockBytes) continue;
      yield block;
      [block, filled] = [await take(), 0];
    }
  }
  yield block.subarray(0, filled);
}

/** SHA-256 of pieces one after another, computed on a thread of its own; a piece is valid until the next one is asked for. Throws what the pieces throw. */
export async function sha256OnThread(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const worker = new Worker(workerUrl);
  const free = Array.from({ length: ahead }, () => new Uint8Array(new SharedArrayBuffer(blockBytes)));
  let failed: Error | undefined;
  let digest: string | undefined;
  let wake: () => void = () => undefined;
  worker.on('message', (output: HashOutput) => {
    if (output instanceof Uint8Array) free.push(output);
    else digest = output.digest;
    wake();
  });
  worker.on('error', (error) => {
    failed = error instanceof Error ? error : new Error(String(error));
    wake();
  });
  const found = async <T>(look: () => T | undefined): Promise<T> => {
    for (;;) {
      if (failed) throw failed;
      const value = look();
      if (value !== undefined) return value;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  const send = (input: HashInput): void => worker.postMessage(input, []);
  try {
    for await (const block of blocksOf(pieces, () => found(() => free.pop()))) send(block);
    send('end');
    return await found(() => digest);
  } finally {
    await worker.terminate();
  }
}
