import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type JobReply, jobPool } from '../linalg/pool.ts';
import { type LinearAlgebra, linearAlgebra } from '../linalg/service.ts';
import { moduleBeside } from './moduleBeside.ts';

const workerUrl = moduleBeside(import.meta.url, 'linalg-worker');

export interface LinalgOptions {
  /** The default is the number of cores, at most 4. */
  readonly threads?: number;
}

/** Linear algebra on worker threads, which start with the first call and keep no process alive. */
export function linalgPool({ threads = Math.min(4, availableParallelism()) }: LinalgOptions = {}): LinearAlgebra {
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`linalgPool: Expected threads of at least 1 but found ${threads}`);
  }
  const pool = jobPool(threads, ({ onReply, onError }) => {
    const worker = new Worker(workerUrl);
    worker.on('message', (reply: JobReply) => onReply(reply));
    worker.on('error', (error) => onError(error instanceof Error ? error : new Error(String(error))));
    return {
      post: (job, transfer) => worker.postMessage(job, transfer),
      terminate: () => void worker.terminate(),
      hold: (alive) => (alive ? worker.ref() : worker.unref()),
    };
  });
  return linearAlgebra(pool);
}
