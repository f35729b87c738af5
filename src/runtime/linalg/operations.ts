import { cholesky } from './cholesky.ts';
import { eigenvalues } from './eigenvalues.ts';
import { leastSquares } from './least-squares.ts';
import { svdLowRank } from './low-rank.ts';
import { solve } from './lu.ts';
import type { Floats, Source } from './matrices.ts';
import { qr } from './qr.ts';
import { svd } from './svd.ts';
import { eigh } from './symmetric.ts';
import type { Workspace } from './workspace.ts';

export interface Sizes {
  readonly m: number;
  readonly n: number;
  /** Columns of the right-hand side, 0 without one. */
  readonly p: number;
}

export interface OperationOptions {
  readonly full?: boolean;
  readonly cutoff?: number;
  readonly rank?: number;
  readonly oversampling?: number;
  readonly iterations?: number;
  readonly seed?: number;
}

/** One decomposition: the shapes of what it computes of A [m, n] (and B [., p]), and how. */
export interface Operation {
  readonly outputs: (sizes: Sizes, options: OperationOptions) => Readonly<Record<string, readonly number[]>>;
  readonly run: (
    work: Workspace,
    source: Source,
    right: Source | undefined,
    out: (name: string) => Floats,
    options: OperationOptions,
  ) => void;
}

const square = ({ n }: Sizes): readonly number[] => [n, n];

export const operations = {
  svd: {
    outputs: ({ m, n }, { full }) => {
      const k = Math.min(m, n);
      return { u: [m, full ? m : k], s: [k], vt: [full ? n : k, n] };
    },
    run: (work, source, _, out, { full = false }) =>
      svd(work, source, { u: out('u'), s: out('s'), vt: out('vt') }, full),
  },
  svdvals: {
    outputs: ({ m, n }) => ({ s: [Math.min(m, n)] }),
    run: (work, source, _, out) => svd(work, source, { s: out('s') }, false),
  },
  svdLowRank: {
    outputs: ({ m, n }, { rank = 0 }) => ({ u: [m, rank], s: [rank], vt: [rank, n] }),
    run: (work, source, _, out, { rank = 0, oversampling = 0, iterations = 0, seed = 0 }) =>
      svdLowRank(work, source, { u: out('u'), s: out('s'), vt: out('vt') }, { rank, oversampling, iterations, seed }),
  },
  eigh: {
    outputs: (sizes) => ({ values: [sizes.n], vectors: square(sizes) }),
    run: (work, source, _, out) => eigh(work, source, out('values'), out('vectors')),
  },
  eigvalsh: {
    outputs: ({ n }) => ({ values: [n] }),
    run: (work, source, _, out) => eigh(work, source, out('values'), undefined),
  },
  eigvals: {
    outputs: ({ n }) => ({ re: [n], im: [n] }),
    run: (_, source, __, out) => eigenvalues(source, out('re'), out('im')),
  },
  qr: {
    outputs: ({ m, n }, { full }) => {
      const k = full ? m : Math.min(m, n);
      return { q: [m, k], r: [k, n] };
    },
    run: (work, source, _, out, { full = false }) => qr(work, source, out('q'), out('r'), full),
  },
  cholesky: {
    outputs: (sizes) => ({ l: square(sizes) }),
    run: (work, source, _, out) => cholesky(work, source, out('l')),
  },
  solve: {
    outputs: ({ n, p }) => ({ x: [n, p] }),
    run: (work, source, right, out) => solve(work, source, right, out('x')),
  },
  inverse: {
    outputs: (sizes) => ({ x: square(sizes) }),
    run: (work, source, _, out) => solve(work, source, undefined, out('x')),
  },
  lstsq: {
    outputs: ({ m, n, p }) => ({ x: [n, p], s: [Math.min(m, n)] }),
    run: (work, source, right, out, { cutoff = 0 }) => leastSquares(work, source, right, cutoff, out('x'), out('s')),
  },
  pinv: {
    outputs: ({ m, n }) => ({ x: [n, m] }),
    run: (work, source, _, out, { cutoff = 0 }) => leastSquares(work, source, undefined, cutoff, out('x')),
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;
