/** How runs share the machine. */
export interface Share {
  /** Runs side by side. */
  readonly parallel: number;
  /** Threads of each. */
  readonly threads: number;
}

export interface Machine {
  readonly cores: number;
  readonly availableBytes: number;
}

/** Memory that is left to everything else. */
const spare = 0.1;

/**
 * As many runs side by side as there are cores and as fit into memory together, the cores shared out among them: one thread on
 * its own wastes the least. `bytes` are the planned peaks of the runs that are to come; `given` is what was decided before.
 */
export function shareOf(
  bytes: readonly number[],
  { cores, availableBytes }: Machine,
  given: { readonly [P in keyof Share]?: number | undefined } = {},
): Share {
  const largest = bytes.toSorted((a, b) => b - a);
  const fits = (count: number): boolean =>
    largest.slice(0, count).reduce((sum, each) => sum + each, 0) <= (1 - spare) * availableBytes;
  let parallel = given.parallel ?? Math.floor(cores / (given.threads ?? 1));
  parallel = Math.max(1, Math.min(parallel, bytes.length));
  while (given.parallel === undefined && parallel > 1 && !fits(parallel)) parallel--;
  return { parallel, threads: given.threads ?? Math.max(1, Math.floor(cores / parallel)) };
}
