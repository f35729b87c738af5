import { Worker } from 'node:worker_threads';
import type { Attrs } from '../../ir/op.ts';
import type { RandomKey } from '../../ir/random.ts';
import type { Distribution } from '../random.ts';
import type { TensorData } from '../tensor.ts';

/** A buffer to fill by an op's host function: `out` lies in shared memory, the inputs are copied. */
export interface OpFill {
  readonly op: string;
  readonly inputs: readonly TensorData[];
  readonly attrs: Attrs;
  readonly out: TensorData;
}

/** A buffer in shared memory to fill with elements of a key's stream. */
export interface RandomFill {
  readonly distribution: Distribution;
  readonly key: RandomKey;
  readonly start: number;
  readonly out: Float32Array;
}

export type FillTask = OpFill | RandomFill;

/** Threads that fill buffers, so that the event loop stays free. */
export interface FillPool {
  fill(tasks: readonly FillTask[]): Promise<void>;
  close(): void;
}

// A package holds compiled files beside each other under the other ending.
const workerUrl = new URL(import.meta.url.endsWith('.ts') ? './fill-worker.ts' : './fill-worker.js', import.meta.url);

/** Starts its threads with the first task. Rejects with the worker's error; the pool is then closed. */
export function fillPool(threads: number): FillPool {
  let workers: Worker[] = [];

  const start = (): Worker[] => {
    if (workers.length === 0) workers = Array.from({ length: threads }, () => new Worker(workerUrl));
    // An idle pool must not keep the process alive.
    for (const worker of workers) worker.unref();
    return workers;
  };
  const close = (): void => {
    for (const worker of workers) void worker.terminate();
    workers = [];
  };

  /** One worker takes tasks from the queue until it is empty. */
  const drain = (worker: Worker, queue: FillTask[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const next = (): void => {
        const task = queue.pop();
        if (task) return worker.postMessage(task);
        worker.off('message', next).off('error', reject).unref();
        resolve();
      };
      worker.on('message', next).on('error', reject).ref();
      next();
    });

  return {
    fill: async (tasks) => {
      if (tasks.length === 0) return;
      const queue = [...tasks];
      try {
        await Promise.all(start().map((worker) => drain(worker, queue)));
      } catch (error) {
        close();
        throw error;
      }
    },
    close,
  };
}
