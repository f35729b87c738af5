import { Worker } from 'node:worker_threads';
import type { Attrs } from '../../ir/op.ts';
import type { RandomKey } from '../../ir/random.ts';
import type { Distribution } from '../random.ts';
import type { TensorData } from '../tensor.ts';
import { moduleBeside } from './moduleBeside.ts';

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
  /** Several calls may be under way at once. */
  fill(tasks: readonly FillTask[]): Promise<void>;
  close(): void;
}

interface Waiting {
  readonly task: FillTask;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A thread and what it fills now. */
interface Thread {
  readonly worker: Worker;
  filling: Waiting | undefined;
}

const workerUrl = moduleBeside(import.meta.url, 'fill-worker');

/** Starts its threads with the first task. Rejects with the worker's error; the pool is then closed, and the next task starts new ones. */
export function fillPool(count: number): FillPool {
  let threads: readonly Thread[] = [];
  let queue: Waiting[] = [];

  /** Gives a thread what comes next; an idle one must not keep the process alive. */
  const feed = (thread: Thread): void => {
    thread.filling = queue.shift();
    if (!thread.filling) return thread.worker.unref();
    thread.worker.ref();
    thread.worker.postMessage(thread.filling.task);
  };
  const end = (error: unknown): void => {
    const left = [...threads.flatMap(({ filling }) => filling ?? []), ...queue];
    for (const { worker } of threads) void worker.terminate();
    [threads, queue] = [[], []];
    for (const { reject } of left) reject(error);
  };
  const start = (): Thread => {
    const thread: Thread = { worker: new Worker(workerUrl), filling: undefined };
    thread.worker.unref();
    // What a thread still says after the end of its pool is not about the next one.
    const isOurs = (): boolean => threads.includes(thread);
    thread.worker
      .on('message', () => {
        if (!isOurs()) return;
        thread.filling?.resolve();
        feed(thread);
      })
      .on('error', (error) => {
        if (isOurs()) end(error);
      });
    return thread;
  };

  return {
    fill: async (tasks) => {
      if (tasks.length === 0) return;
      if (threads.length === 0) threads = Array.from({ length: count }, start);
      const filled = tasks.map(
        (task) => new Promise<void>((resolve, reject) => void queue.push({ task, resolve, reject })),
      );
      for (const thread of threads) if (!thread.filling) feed(thread);
      await Promise.all(filled);
    },
    close: () => end(new Error('Expected an open pool of threads but it was closed')),
  };
}
