import type { Floats } from './matrices.ts';
import type { Job, JobResult, JobRunner } from './job.ts';

/** A thread of the platform: it answers every job with one reply. */
export interface JobThread {
  post(job: Job, transfer: ArrayBuffer[]): void;
  terminate(): void;
  /** Whether the thread keeps the process alive. */
  hold(alive: boolean): void;
}

export interface JobThreadEvents {
  onReply(reply: JobReply): void;
  onError(error: Error): void;
}

export type JobReply =
  | { readonly result: JobResult }
  | { readonly error: { readonly range: boolean; readonly message: string } };

interface Waiting {
  readonly job: Job;
  readonly transfer: boolean;
  readonly resolve: (result: JobResult) => void;
  readonly reject: (reason: unknown) => void;
}

interface Busy extends Waiting {
  readonly thread: JobThread;
}

/** The memory to send: the caller's own where it is handed over or shared, else a copy. */
function sendable(data: Floats, transfer: boolean): { readonly data: Floats; readonly buffers: ArrayBuffer[] } {
  if (!(data.buffer instanceof ArrayBuffer)) return { data, buffers: [] };
  const whole = data.byteLength === data.buffer.byteLength;
  const own = transfer && whole ? data : data.slice();
  return { data: own, buffers: [own.buffer as ArrayBuffer] };
}

/**
 * Runs jobs on at most `threads` threads, which start when they are needed. Aborting a running job ends its thread. A
 * thread that fails is dropped and rejects its job alone.
 */
export function jobPool(threads: number, spawn: (events: JobThreadEvents) => JobThread): JobRunner {
  const waiting: Waiting[] = [];
  const busy = new Map<JobThread, Busy>();
  const idle: JobThread[] = [];
  let closed = false;

  const start = (): JobThread => {
    const finish = (): Busy | undefined => {
      const done = busy.get(thread);
      busy.delete(thread);
      return done;
    };
    const thread: JobThread = spawn({
      onReply: (reply) => {
        const done = finish();
        if (!done) return;
        thread.hold(false);
        idle.push(thread);
        if ('result' in reply) done.resolve(reply.result);
        else done.reject(reply.error.range ? new RangeError(reply.error.message) : new Error(reply.error.message));
        pump();
      },
      onError: (error) => {
        const failed = finish();
        if (idle.includes(thread)) idle.splice(idle.indexOf(thread), 1);
        thread.terminate();
        failed?.reject(error);
        pump();
      },
    });
    return thread;
  };

  const pump = (): void => {
    while (waiting.length > 0 && busy.size < threads) {
      const next = waiting.shift();
      if (!next) return;
      const thread = idle.pop() ?? start();
      busy.set(thread, { ...next, thread });
      thread.hold(true);
      const data = sendable(next.job.data, next.transfer);
      const right = next.job.right && sendable(next.job.right, next.transfer);
      thread.post({ ...next.job, data: data.data, right: right?.data }, [...data.buffers, ...(right?.buffers ?? [])]);
    }
  };

  const abort = (job: Job, reason: unknown): void => {
    const index = waiting.findIndex((entry) => entry.job === job);
    if (index >= 0) waiting.splice(index, 1)[0]?.reject(reason);
    const running = [...busy.values()].find((entry) => entry.job === job);
    if (!running) return;
    busy.delete(running.thread);
    running.thread.terminate();
    running.reject(reason);
    pump();
  };

  return {
    threads,
    run: async (job, { signal, transfer }) => {
      if (closed) throw new Error('Expected an open linear-algebra service but it is closed');
      signal?.throwIfAborted();
      const onAbort = (): void => abort(job, signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        return await new Promise<JobResult>((resolve, reject) => {
          waiting.push({ job, transfer, resolve, reject });
          pump();
        });
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    },
    close: () => {
      closed = true;
      const unfinished = [...waiting.splice(0), ...busy.values()];
      for (const thread of [...idle.splice(0), ...busy.keys()]) thread.terminate();
      busy.clear();
      for (const { reject } of unfinished)
        reject(new Error('Expected linear algebra to finish but its service was closed'));
    },
  };
}

/** The thread's side: does a job and says how it went. */
export async function replyTo(
  run: (job: Job) => Promise<JobResult>,
  job: Job,
): Promise<{ readonly reply: JobReply; readonly transfer: ArrayBuffer[] }> {
  try {
    const result = await run(job);
    return { reply: { result }, transfer: Object.values(result).map(({ buffer }) => buffer as ArrayBuffer) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { reply: { error: { range: error instanceof RangeError, message } }, transfer: [] };
  }
}
