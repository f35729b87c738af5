import { buildGraph } from '../ir/graph.ts';
import type { Engine } from '../runtime/engine.ts';
import { type FailedRun, findNonFinite } from '../runtime/nonFinite.ts';

/** The forward pass of a run alone. */
function forward({ graph, main, ...rest }: FailedRun): FailedRun {
  const outputs = Object.fromEntries([...graph.outputs].filter(([name]) => name === main));
  return { graph: buildGraph(outputs), main, ...rest };
}

/**
 * What made the first value that is NaN or infinite in the micro-batches of a step, in words. The forward pass is looked at
 * by its single ops; the backward pass as the step runs it, recomputing or not, so that it fits into the same memory.
 */
export async function explainBatches(
  engine: Engine,
  runs: readonly ((recompute: boolean) => FailedRun)[],
  recompute: boolean,
): Promise<string> {
  try {
    for (const run of runs) {
      const found = (await findNonFinite(engine, forward(run(false)))) ?? (await findNonFinite(engine, run(recompute)));
      if (found !== undefined) return found;
    }
    return 'done again, everything was finite';
  } catch (cause) {
    return `what made it could not be found (${cause instanceof Error ? cause.message : String(cause)})`;
  }
}
