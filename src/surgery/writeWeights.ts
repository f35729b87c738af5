import type { CheckpointMetadata } from '../hub/writeCheckpoint.ts';
import { dtypeFields } from '../hub/dtypeFields.ts';
import { writeCheckpoint } from '../hub/writeCheckpoint.ts';
import { isWeightStorage, type StorageType } from '../runtime/storage.ts';
import { castSource, type TensorSource } from '../runtime/tensor-source.ts';

/** A tensor to write, and how the tensor that it comes from was stored. */
export interface WrittenTensor {
  readonly source: TensorSource;
  readonly storage: StorageType;
}

const floats = ['f32', 'f16', 'bf16'] as const;
type FloatStorage = (typeof floats)[number];
const isFloat = (storage: string): storage is FloatStorage => (floats as readonly string[]).includes(storage);

/**
 * Writes a checkpoint folder in the storage types that its tensors came from. Those that were in blocks are written in f32,
 * because rounding a changed weight to blocks again would undo part of the change. Throws when the folder exists.
 */
export async function writeWeights(
  out: string,
  written: readonly WrittenTensor[],
  metadata: CheckpointMetadata,
): Promise<{ readonly storage: readonly string[]; readonly notices: readonly string[] }> {
  const storages = new Set<FloatStorage>();
  const tensors = written.map(({ source, storage: from }) => {
    if (!isWeightStorage(from)) return source;
    const storage = isFloat(from) ? from : 'f32';
    storages.add(storage);
    return castSource(source, storage);
  });
  const quantised = written.filter(({ storage }) => isWeightStorage(storage) && !isFloat(storage)).length;
  const [only] = storages;
  const fields = storages.size === 1 && only !== undefined ? dtypeFields(metadata.config, only) : {};
  await writeCheckpoint(out, tensors, { ...metadata, config: { ...metadata.config, ...fields } });
  return {
    storage: [...storages],
    notices: quantised === 0 ? [] : [`${quantised} block-quantised tensors are written in f32`],
  };
}
