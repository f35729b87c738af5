import type { Shape } from '../../ir/types.ts';
import { floatsLike, type Job, type JobResult, type JobRunner, sizeOf } from './job.ts';
import type { Floats } from './matrices.ts';
import { operations, type OperationName, type OperationOptions, type Sizes } from './operations.ts';

/** Matrices […, m, n], row by row. */
export interface MatrixInput<T extends Floats> {
  readonly shape: Shape;
  readonly data: T;
}

export interface Matrix<T extends Floats> extends MatrixInput<T> {
  readonly dtype: T extends Float32Array ? 'f32' : 'f64';
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Hand the inputs' memory over instead of copying it: their arrays are empty afterwards. */
  readonly transfer?: boolean;
}

export interface FullOptions extends CallOptions {
  /** Square orthogonal factors instead of as many columns as the smaller side has. */
  readonly full?: boolean;
}

export interface CutoffOptions extends CallOptions {
  /** Singular values of at most `cutoff` · s₁ count as zero; the default is max(m, n) ε of the dtype. */
  readonly cutoff?: number;
}

export interface SvdLowRankOptions extends CallOptions {
  readonly rank: number;
  /** Random directions beyond the rank; the default is 10. */
  readonly oversampling?: number;
  /** Products with A Aᵀ; the default is 4. */
  readonly iterations?: number;
  readonly seed?: number;
}

export interface Svd<T extends Floats> {
  readonly u: Matrix<T>;
  readonly s: Matrix<T>;
  readonly vt: Matrix<T>;
}

/**
 * Decompositions of matrices […, m, n] in f32 or f64, computed in f64 and rounded once to the dtype of the input. The same
 * bits for every number of threads. Inputs are read when a thread is free: leave them alone until the promise resolves.
 * Rejects with RangeError where an entry is not finite or a result overflows, with the signal's reason when aborted.
 */
export interface LinearAlgebra {
  /** A = U diag(s) Vᵀ, s descending; the entry of largest magnitude of each column of U is positive. */
  svd<T extends Floats>(a: MatrixInput<T>, options?: FullOptions): Promise<Svd<T>>;
  /** The singular values alone, descending. */
  svdvals<T extends Floats>(a: MatrixInput<T>, options?: CallOptions): Promise<Matrix<T>>;
  /** The `rank` largest singular values with their vectors, by randomised subspace iteration (Halko et al. 2011). */
  svdLowRank<T extends Floats>(a: MatrixInput<T>, options: SvdLowRankOptions): Promise<Svd<T>>;
  /** A = V diag(λ) Vᵀ of symmetric matrices, λ ascending; the entry of largest magnitude of each column is positive. RangeError where not symmetric. */
  eigh<T extends Floats>(
    a: MatrixInput<T>,
    options?: CallOptions,
  ): Promise<{ readonly values: Matrix<T>; readonly vectors: Matrix<T> }>;
  eigvalsh<T extends Floats>(a: MatrixInput<T>, options?: CallOptions): Promise<Matrix<T>>;
  /** Complex eigenvalues of general matrices, of largest magnitude first. */
  eigvals<T extends Floats>(
    a: MatrixInput<T>,
    options?: CallOptions,
  ): Promise<{ readonly re: Matrix<T>; readonly im: Matrix<T> }>;
  /** A = Q R, the diagonal of R not negative. */
  qr<T extends Floats>(
    a: MatrixInput<T>,
    options?: FullOptions,
  ): Promise<{ readonly q: Matrix<T>; readonly r: Matrix<T> }>;
  /** Lower triangular L with A = L Lᵀ; RangeError names the column where A is not positive definite. */
  cholesky<T extends Floats>(a: MatrixInput<T>, options?: CallOptions): Promise<Matrix<T>>;
  /** X with A X = B for B […, n, p] or […, n]; RangeError where a column has no pivot. */
  solve<T extends Floats>(a: MatrixInput<T>, b: MatrixInput<T>, options?: CallOptions): Promise<Matrix<T>>;
  inverse<T extends Floats>(a: MatrixInput<T>, options?: CallOptions): Promise<Matrix<T>>;
  /** The X of least norm that minimises |A X - B|; rank and singular values of A. */
  lstsq<T extends Floats>(
    a: MatrixInput<T>,
    b: MatrixInput<T>,
    options?: CutoffOptions,
  ): Promise<{ readonly x: Matrix<T>; readonly s: Matrix<T>; readonly ranks: readonly number[] }>;
  /** The pseudo-inverse […, n, m]. */
  pinv<T extends Floats>(a: MatrixInput<T>, options?: CutoffOptions): Promise<Matrix<T>>;
  /** Ends the threads; what is not finished rejects. */
  close(): void;
}

const describe = (shape: Shape): string => `[${shape.join(', ')}]`;
const needsSquare: ReadonlySet<OperationName> = new Set([
  'eigh',
  'eigvalsh',
  'eigvals',
  'cholesky',
  'solve',
  'inverse',
]);
/** Elements that make a job of their own worth while. */
const jobElements = 1 << 15;

const isFloats = (data: unknown): data is Floats => data instanceof Float32Array || data instanceof Float64Array;

function requireFloats(name: string, { shape, data }: MatrixInput<Floats>): void {
  if (!isFloats(data))
    throw new TypeError(`${name}: Expected f32 or f64 but found ${Object.prototype.toString.call(data)}`);
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(`${name}: Expected ${sizeOf(shape)} elements for ${describe(shape)} but found ${data.length}`);
  }
}

/** Sizes of A and B, and whether B is vectors. Throws RangeError or TypeError where they do not fit. */
function check<T extends Floats>(
  name: OperationName,
  a: MatrixInput<T>,
  b: MatrixInput<T> | undefined,
): Sizes & { readonly batch: Shape; readonly vectors: boolean } {
  requireFloats(name, a);
  if (a.shape.length < 2) throw new RangeError(`${name}: Expected matrices […, m, n] but found ${describe(a.shape)}`);
  const batch = a.shape.slice(0, -2);
  const [m = 0, n = 0] = a.shape.slice(-2);
  if (needsSquare.has(name) && m !== n)
    throw new RangeError(`${name}: Expected square matrices but found ${describe(a.shape)}`);
  if (b === undefined) return { m, n, p: 0, batch, vectors: false };
  requireFloats(name, b);
  if (a.data.constructor !== b.data.constructor)
    throw new TypeError(`${name}: Expected A and B of one dtype but found f32 and f64`);
  const vectors = b.shape.length === a.shape.length - 1;
  const leading = [...batch, m];
  if (leading.some((size, i) => b.shape[i] !== size) || b.shape.length > a.shape.length) {
    throw new RangeError(
      `${name}: Expected B ${describe(leading)} with or without columns but found ${describe(b.shape)}`,
    );
  }
  return { m, n, p: vectors ? 1 : (b.shape.at(-1) ?? 0), batch, vectors };
}

/** The service on whatever runs its jobs; batches are divided among the threads. */
export function linearAlgebra(runner: JobRunner): LinearAlgebra {
  async function compute<T extends Floats>(
    name: OperationName,
    a: MatrixInput<T>,
    { signal, transfer = false }: CallOptions = {},
    options: OperationOptions = {},
    b?: MatrixInput<T>,
  ): Promise<(output: string) => Matrix<T>> {
    const { batch, vectors, m, n, p } = check(name, a, b);
    const count = sizeOf(batch);
    const piece = Math.max(1, Math.ceil(jobElements / Math.max(1, m * n)), Math.ceil(count / (4 * runner.threads)));
    const jobs = Array.from({ length: Math.ceil(count / piece) }, (_, index): Job => {
      const [from, to] = [index * piece, Math.min(count, (index + 1) * piece)];
      const part = (of: T, size: number): Floats => (count <= piece ? of : of.subarray(from * size, to * size));
      return {
        operation: name,
        options,
        m,
        n,
        p,
        count: to - from,
        first: batch.length === 0 ? undefined : from,
        data: part(a.data, m * n),
        right: b && part(b.data, m * p),
      };
    });
    const results = await all(jobs, (job, stop) => runner.run(job, { signal: stop, transfer }), signal);
    const shapes: Readonly<Record<string, Shape>> = operations[name].outputs({ m, n, p }, options);
    const dtype = (a.data instanceof Float32Array ? 'f32' : 'f64') as Matrix<T>['dtype'];
    return (output) => {
      const one = shapes[output] ?? [];
      const shape = [...batch, ...(vectors && output === 'x' ? one.slice(0, -1) : one)];
      return { dtype, shape, data: joined(results, output, floatsLike(a.data, sizeOf(shape))) as T };
    };
  }
  const svdOf = <T extends Floats>(of: (output: string) => Matrix<T>): Svd<T> => ({
    u: of('u'),
    s: of('s'),
    vt: of('vt'),
  });
  const cutoffOf = ({ shape, data }: MatrixInput<Floats>, cutoff: number | undefined): number => {
    const unit = data instanceof Float32Array ? 2 ** -23 : 2 ** -52;
    return cutoff ?? Math.max(...shape.slice(-2), 1) * unit;
  };

  return {
    svd: async (a, { full = false, ...call } = {}) => svdOf(await compute('svd', a, call, { full })),
    svdvals: async (a, call) => (await compute('svdvals', a, call))('s'),
    svdLowRank: async (a, { rank, oversampling = 10, iterations = 4, seed = 0, ...call }) => {
      const most = Math.min(...a.shape.slice(-2));
      if (!Number.isInteger(rank) || rank < 1 || rank > most) {
        throw new RangeError(`svdLowRank: Expected a rank from 1 to ${most} but found ${rank}`);
      }
      for (const [name, value] of Object.entries({ oversampling, iterations, seed })) {
        if (!Number.isSafeInteger(value) || value < 0) {
          throw new RangeError(`svdLowRank: Expected ${name} to be a whole number of at least 0 but found ${value}`);
        }
      }
      return svdOf(await compute('svdLowRank', a, call, { rank, oversampling, iterations, seed }));
    },
    eigh: async (a, call) => {
      const of = await compute('eigh', a, call);
      return { values: of('values'), vectors: of('vectors') };
    },
    eigvalsh: async (a, call) => (await compute('eigvalsh', a, call))('values'),
    eigvals: async (a, call) => {
      const of = await compute('eigvals', a, call);
      return { re: of('re'), im: of('im') };
    },
    qr: async (a, { full = false, ...call } = {}) => {
      const of = await compute('qr', a, call, { full });
      return { q: of('q'), r: of('r') };
    },
    cholesky: async (a, call) => (await compute('cholesky', a, call))('l'),
    solve: async (a, b, call) => (await compute('solve', a, call, {}, b))('x'),
    inverse: async (a, call) => (await compute('inverse', a, call))('x'),
    lstsq: async (a, b, { cutoff, ...call } = {}) => {
      const limit = cutoffOf(a, cutoff);
      const of = await compute('lstsq', a, call, { cutoff: limit }, b);
      const s = of('s');
      const width = s.shape.at(-1) ?? 0;
      const ranks = Array.from({ length: width === 0 ? 0 : s.data.length / width }, (_, i) => {
        const values = s.data.subarray(i * width, (i + 1) * width);
        return values.filter((value) => value > limit * (values[0] ?? 0)).length;
      });
      return { x: of('x'), s, ranks };
    },
    pinv: async (a, { cutoff, ...call } = {}) => (await compute('pinv', a, call, { cutoff: cutoffOf(a, cutoff) }))('x'),
    close: () => runner.close(),
  };
}

/** Runs the jobs; the first failure stops the others, and all have ended before it is thrown. */
async function all(
  jobs: readonly Job[],
  run: (job: Job, signal: AbortSignal | undefined) => Promise<JobResult>,
  signal: AbortSignal | undefined,
): Promise<readonly JobResult[]> {
  const [only] = jobs;
  if (jobs.length === 1 && only) return [await run(only, signal)];
  const failed = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  const settled = await Promise.allSettled(
    jobs.map(async (job) => {
      try {
        return await run(job, stop);
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  return settled.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

/** One output of all jobs in the order of the batch. */
function joined(results: readonly JobResult[], output: string, whole: Floats): Floats {
  const parts = results.map((result) => result[output]);
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  let at = 0;
  for (const part of parts) {
    if (!part) throw new Error(`Expected an output named ${output} but there is none`);
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
