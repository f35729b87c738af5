import { openCheckpoint } from '../hub/checkpoint.ts';
import { basename, joinPath, pathKind } from '../hub/files.ts';
import { moveInto, withFolderBeside } from '../hub/files-temporary.ts';
import type { Engine } from '../runtime/engine.ts';
import { exportGguf, type GgufDtype } from '../surgery/exportGguf.ts';
import { mergeAdapter } from '../surgery/merge.ts';
import { checkExport, type ExportCheck } from './exportCheck.ts';

/** Largest mean |Δ ln p| in nats between a model and its export that counts as the same model. */
export const exportTolerances: Readonly<Record<GgufDtype, number>> = {
  f32: 1e-4,
  f16: 0.01,
  bf16: 0.05,
  q8_0: 0.1,
  q4_0: 1.5,
};

export interface ExportOptions {
  /** Checkpoint folder or .gguf file. */
  readonly model: string;
  /** PEFT adapter folder that is merged first. */
  readonly adapter?: string | undefined;
  readonly dtype: GgufDtype;
  /** The file to write; must not be there. */
  readonly out: string;
  /** What scores the model and its export. */
  readonly engine: Engine;
}

export interface ExportSummary extends ExportCheck {
  readonly out: string;
  readonly dtype: GgufDtype;
  readonly toleranceNats: number;
  readonly notices: readonly string[];
}

/**
 * Writes a model, with an adapter merged into it, as one GGUF file, and compares that file with what it was made of before
 * it is put in place: the same tokens for the same texts, and log-probabilities within the dtype's tolerance. Throws
 * Error, leaving nothing behind, when they are further apart.
 */
export async function exportModel({ model, adapter, dtype, out, engine }: ExportOptions): Promise<ExportSummary> {
  if ((await pathKind(out)) !== undefined) throw new Error(`Cannot write ${out}: it exists already`);
  return withFolderBeside(out, async (folder) => {
    const notices: string[] = [];
    const source = adapter === undefined ? model : joinPath(folder, 'merged');
    if (adapter !== undefined) notices.push(...(await mergeAdapter({ model, adapter, out: source })).notices);
    const file = joinPath(folder, 'model.gguf');
    const checkpoint = await openCheckpoint(source);
    try {
      const name = basename(out).replace(/\.gguf$/, '');
      const { kept } = await exportGguf(checkpoint, file, { dtype, name });
      if (kept.length > 0) notices.push(`${kept.length} tensors have rows that are no whole blocks: they are in f16`);
    } finally {
      await checkpoint.close();
    }
    const check = await checkExport(source, file, engine);
    const toleranceNats = exportTolerances[dtype];
    if (!(check.meanNats <= toleranceNats)) {
      throw new Error(
        `${out}: expected log-probabilities within ${toleranceNats} nats of the model's in the mean but found ${check.meanNats.toFixed(4)} (at most ${check.worstNats.toFixed(3)}) over ${check.tokens} tokens; take a dtype of more bits`,
      );
    }
    await moveInto(file, out);
    return { out, dtype, toleranceNats, ...check, notices };
  });
}
