import { openMergedWeights } from '../adapters/mergedWeights.ts';
import { linalgPool } from '../runtime/node/linalg-pool.ts';
import type { Measurement, PairProbe } from '../probes/probe.ts';
import { operate, type OperateSummary } from '../surgery/operate.ts';
import type { SurgeryUnit } from '../surgery/surgery.ts';
import { weightsNamed } from './weightsNamed.ts';

export interface WeightsOptions {
  /** Fields of the unit's schema; its defaults unless given. */
  readonly options?: Readonly<Record<string, unknown>>;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Measures by a probe what became of a model. `after` is a model, a PEFT adapter folder or a run folder. */
export async function measureChange(
  probe: PairProbe,
  { before, after, options = {}, ...services }: WeightsOptions & { readonly before: string; readonly after: string },
): Promise<Measurement> {
  const base = await weightsNamed(before, undefined);
  const tuned = await weightsNamed(after, base);
  const given = probe.schema.parse(options);
  const linalg = linalgPool();
  const first = await openMergedWeights(base);
  try {
    const second = await openMergedWeights(tuned);
    try {
      return await probe.measure({ before: first, after: second }, given, { linalg, ...services });
    } finally {
      await second.close();
    }
  } finally {
    await first.close();
    linalg.close();
  }
}

/** Does a surgery on models, PEFT adapter folders or run folders that were tuned from `base`, and writes a checkpoint folder, which must not be there. */
export async function operateOn(
  unit: SurgeryUnit,
  {
    base,
    models,
    out,
    options = {},
    onProgress,
    signal,
  }: WeightsOptions & { readonly base: string; readonly models: readonly string[]; readonly out: string },
): Promise<OperateSummary> {
  const from = await weightsNamed(base, undefined);
  const tuned = [];
  for (const name of models) tuned.push(await weightsNamed(name, from));
  const linalg = linalgPool();
  try {
    return await operate({
      unit,
      options,
      base: from,
      models: tuned,
      out,
      linalg,
      ...(onProgress ? { onTensor: onProgress } : {}),
      ...(signal ? { signal } : {}),
    });
  } finally {
    linalg.close();
  }
}
