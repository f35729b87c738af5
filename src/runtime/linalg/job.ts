import type { Floats, Source } from './matrices.ts';
import { operations, type Operation, type OperationName, type OperationOptions, type Sizes } from './operations.ts';
import { workspace, type Workspace } from './workspace.ts';

/** Consecutive matrices of a batch, to be decomposed one after another. */
export interface Job extends Sizes {
  readonly operation: OperationName;
  readonly options: OperationOptions;
  readonly count: number;
  /** Index of the first one, for errors; undefined where there is no batch. */
  readonly first: number | undefined;
  readonly data: Floats;
  readonly right: Floats | undefined;
}

export type JobResult = Readonly<Record<string, Floats>>;

/** Runs jobs, on this thread or others. */
export interface JobRunner {
  readonly threads: number;
  /** With `transfer` the job's memory is handed over. */
  run(job: Job, options: { readonly signal?: AbortSignal | undefined; readonly transfer: boolean }): Promise<JobResult>;
  close(): void;
}

export const floatsLike = (data: Floats, length: number): Floats =>
  data instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** RangeError where an entry is NaN or infinite. */
function requireFinite({ data, columns }: Source, what: string): void {
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      throw new RangeError(
        `Expected finite ${what} but found ${data[i]} at [${Math.floor(i / columns)}, ${i % columns}]`,
      );
    }
  }
}

function runOne(work: Workspace, job: Job, index: number, results: JobResult): void {
  const { m, n, p, data, right } = job;
  const operation: Operation = operations[job.operation];
  const part = (of: Floats, size: number): Floats => of.subarray(index * size, (index + 1) * size);
  const source = { data: part(data, m * n), rows: m, columns: n };
  const rightRows = job.operation === 'lstsq' ? m : n;
  const beside = right && { data: part(right, rightRows * p), rows: rightRows, columns: p };
  requireFinite(source, 'entries');
  if (beside) requireFinite(beside, 'right-hand sides');
  const out = (name: string): Floats => {
    const all = results[name];
    if (!all) throw new Error(`Expected an output named ${name} but there is none`);
    return part(all, all.length / job.count);
  };
  operation.run(work, source, beside, out, job.options);
  for (const name of Object.keys(results)) {
    const found = out(name).find((value) => !Number.isFinite(value));
    if (found !== undefined) {
      const type = data instanceof Float32Array ? 'f32' : 'f64';
      throw new RangeError(`Expected ${name} within the range of ${type} but found ${found}`);
    }
  }
}

/** Does a job on the calling thread, matrix by matrix; `pause` between them. */
export async function runJob(work: Workspace, job: Job, pause?: () => Promise<void> | void): Promise<JobResult> {
  const shapes: Readonly<Record<string, readonly number[]>> = operations[job.operation].outputs(job, job.options);
  const results = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, floatsLike(job.data, job.count * sizeOf(shape))]),
  );
  for (let index = 0; index < job.count; index++) {
    if (index > 0) await pause?.();
    try {
      runOne(work, job, index, results);
    } catch (error) {
      const where = job.first === undefined ? job.operation : `${job.operation}, matrix ${job.first + index}`;
      const message = `${where}: ${error instanceof Error ? error.message : String(error)}`;
      throw error instanceof RangeError ? new RangeError(message) : new Error(message);
    }
  }
  return results;
}

/** Runs jobs on the calling thread, which does other work only between two matrices. */
export function runHere(): JobRunner {
  let work: Promise<Workspace> | undefined;
  let closed = false;
  return {
    threads: 1,
    run: async (job, { signal }) => {
      if (closed) throw new Error('Expected an open linear-algebra service but it is closed');
      signal?.throwIfAborted();
      work ??= workspace();
      return runJob(await work, job, async () => {
        await new Promise<void>((resolve) => setTimeout(resolve, 0));
        signal?.throwIfAborted();
      });
    },
    close: () => {
      closed = true;
      work = undefined;
    },
  };
}
