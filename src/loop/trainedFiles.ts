import { readAdapterValues, writeAdapter } from '../adapters/peftFolder.ts';
import { type Checkpoint, openCheckpoint } from '../hub/checkpoint.ts';
import { dtypeFields } from '../hub/dtypeFields.ts';
import { writeCheckpoint } from '../hub/writeCheckpoint.ts';
import { formatShape, sameShape } from '../ir/types.ts';
import type { Model } from '../nn/model.ts';
import { ownTensors } from '../nn/ownNames.ts';
import { castSource, f32Source } from '../runtime/tensor-source.ts';
import { fillWeights, type WeightGroup } from '../runtime/weights.ts';
import type { AdapterWeights } from './readyModel.ts';

/** How trained values become files and come back. */
export interface TrainedFiles {
  /** What a run folder calls them. */
  readonly folder: 'adapter' | 'model';
  /** Writes the values for others to load; `exact` keeps every bit of them, `replace` what is there goes. */
  write(path: string, options?: { readonly replace?: boolean; readonly exact?: boolean }): Promise<void>;
  /** Takes up values that were written with `exact`; throws naming what does not fit. */
  read(path: string): Promise<void>;
}

/** An adapter's tensors as a PEFT folder, always in f32; its states where others load an equal form that they are part of. */
export function adapterFiles(
  { adapter, weights, states }: Pick<AdapterWeights, 'adapter' | 'weights' | 'states'>,
  base: string,
): TrainedFiles {
  return {
    folder: 'adapter',
    write: async (path, options) => {
      const values = new Map<string, Float32Array>();
      for (const { name, f32 } of [...weights.members, ...states.members]) values.set(name, await f32());
      await writeAdapter(path, adapter, (name) => values.get(name) ?? new Float32Array(0), base, options);
    },
    read: async (path) => fillWeights(weights, await readAdapterValues(path, adapter)),
  };
}

const floats = ['f32', 'f16', 'bf16'] as const;

/** All weights as a checkpoint folder in the base's storage types (f32 where it was quantised), or all in f32 where `exact`. */
export function modelFiles(weights: WeightGroup, checkpoint: Checkpoint, model: Model): TrainedFiles {
  const base = ownTensors(checkpoint.tensors, model);
  return {
    folder: 'model',
    write: async (path, { replace = false, exact = false } = {}) => {
      const storages = new Set<(typeof floats)[number]>();
      const tensors = [];
      for (const { name, shape, f32 } of weights.members) {
        const own = floats.find((each) => each === base.get(name)?.storage);
        const storage = exact ? 'f32' : (own ?? 'f32');
        storages.add(storage);
        tensors.push(castSource(f32Source(model.fileName?.(name) ?? name, shape, await f32()), storage));
      }
      const [only] = storages;
      const fields = storages.size === 1 && only !== undefined ? dtypeFields(checkpoint.config, only) : {};
      await writeCheckpoint(path, tensors, { ...checkpoint, config: { ...checkpoint.config, ...fields } }, { replace });
    },
    read: async (path) => {
      const saved = await openCheckpoint(path);
      const tensors = ownTensors(saved.tensors, model);
      try {
        for (const { name, shape, f32 } of weights.members) {
          const source = tensors.get(name);
          if (!source || source.storage !== 'f32' || !sameShape(source.shape, shape)) {
            const found = source ? `${source.storage} ${formatShape(source.shape)}` : 'none';
            throw new RangeError(`${path}: expected f32 ${formatShape(shape)} at ${name} but found ${found}`);
          }
          await source.readF32(await f32());
        }
      } finally {
        await saved.close();
      }
      weights.flat.touch();
    },
  };
}
