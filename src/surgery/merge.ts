import { openMergedWeights } from '../adapters/mergedWeights.ts';
import { derivedCard } from './derivedCard.ts';
import { writeWeights } from './writeWeights.ts';

export interface MergeOptions {
  /** Checkpoint folder or .gguf file. */
  readonly model: string;
  /** PEFT adapter folder. */
  readonly adapter: string;
  /** The checkpoint folder to write; must not be there. */
  readonly out: string;
}

export interface MergeSummary {
  /** Tensors that are not the base's. */
  readonly merged: number;
  /** Storage of the weights that were written. */
  readonly storage: readonly string[];
  readonly notices: readonly string[];
}

/**
 * Writes base and adapter as one checkpoint: what each merge of the adapter says, the rest as it is. Float weights keep
 * their type; block-quantised ones are written in f32. A head that was tied and now differs from the embedding becomes one
 * of its own. A card names base, adapter and licence. Throws on an adapter for another model, on one that cannot be merged, and when the folder exists.
 */
export async function mergeAdapter({ model, adapter, out }: MergeOptions): Promise<MergeSummary> {
  const weights = await openMergedWeights({ model, adapter });
  try {
    const { checkpoint, config, tensors } = weights;
    const written = tensors.map(({ source, base }) => ({ source, storage: base.storage }));
    const summary = await writeWeights(out, written, {
      ...checkpoint,
      config,
      card: derivedCard(checkpoint, { model: checkpoint.path, adapter }),
    });
    return { merged: tensors.filter(({ changed }) => changed).length, ...summary };
  } finally {
    await weights.close();
  }
}
