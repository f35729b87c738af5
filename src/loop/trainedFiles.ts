import type { Adapter } from '../adapters/adapter.ts';
import { factorNames } from '../adapters/lora.ts';
import { type Checkpoint, openCheckpoint } from '../hub/checkpoint.ts';
import { dtypeFields } from '../hub/dtypeFields.ts';
import {
  type LoraTensors,
  type PeftAdapter,
  type PeftLoraConfig,
  readPeftAdapter,
  writePeftAdapter,
} from '../hub/peft.ts';
import { writeCheckpoint } from '../hub/writeCheckpoint.ts';
import { formatShape, sameShape, sizeOf } from '../ir/types.ts';
import type { Model } from '../nn/model.ts';
import { ownTensors } from '../nn/ownNames.ts';
import { castSource, f32Source } from '../runtime/tensor-source.ts';
import type { WeightGroup } from '../runtime/weights.ts';

/** How trained values become files and come back. */
export interface TrainedFiles {
  /** What a run folder calls them. */
  readonly folder: 'adapter' | 'model';
  /** Writes the values for others to load; `exact` keeps every bit of them, `replace` what is there goes. */
  write(path: string, options?: { readonly replace?: boolean; readonly exact?: boolean }): Promise<void>;
  /** Takes up values that were written with `exact`; throws naming what does not fit. */
  read(path: string): Promise<void>;
}

/** Copies an adapter's factors into the store. */
export async function loadFactors(weights: WeightGroup, peft: PeftAdapter): Promise<void> {
  const members = new Map(weights.members.map((member) => [member.name, member]));
  for (const [path, { A, B }] of peft.modules) {
    const names = factorNames(path);
    for (const [name, tensor] of [
      [names[0], A],
      [names[1], B],
    ] as const) {
      const member = members.get(name);
      if (!member || sizeOf(member.shape) !== tensor.values.length) {
        throw new RangeError(`Expected a factor of the adapter but found ${name} ${formatShape(tensor.shape)}`);
      }
      (await member.f32()).set(tensor.values);
    }
  }
  weights.flat.touch();
}

async function factorsOf(adapter: Adapter, weights: WeightGroup): Promise<Map<string, LoraTensors>> {
  const values = new Map<string, Float32Array>();
  for (const member of weights.members) values.set(member.name, await member.f32());
  const shapes = new Map(adapter.parameters.map(({ name, shape }) => [name, shape]));
  const modules = new Map<string, LoraTensors>();
  const tensorOf = (name: string): LoraTensors['A'] => {
    const [rows, columns] = shapes.get(name) ?? [];
    const found = values.get(name);
    if (rows === undefined || columns === undefined || !found) throw new RangeError(`Expected a factor named ${name}`);
    return { shape: [rows, columns], values: found };
  };
  for (const { name } of adapter.parameters) {
    const path = name.replace(/\.lora_[AB]\.weight$/, '');
    const [a, b] = factorNames(path);
    modules.set(path, { A: tensorOf(a), B: tensorOf(b) });
  }
  return modules;
}

/** LoRA's factors as a PEFT adapter folder, always in f32. */
export function loraFiles(adapter: Adapter, config: PeftLoraConfig, weights: WeightGroup, base: string): TrainedFiles {
  return {
    folder: 'adapter',
    write: async (path, { replace = false } = {}) => {
      const modules = await factorsOf(adapter, weights);
      const peft: PeftAdapter = { config: { ...config, baseModelNameOrPath: base, taskType: 'CAUSAL_LM' }, modules };
      await writePeftAdapter(path, peft, { replace });
    },
    read: async (path) => loadFactors(weights, await readPeftAdapter(path)),
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
        tensors.push(castSource(f32Source(name, shape, await f32()), storage));
      }
      const [only] = storages;
      const fields = storages.size === 1 && only !== undefined ? dtypeFields(checkpoint.config, only) : {};
      await writeCheckpoint(path, tensors, { ...checkpoint, config: { ...checkpoint.config, ...fields } }, { replace });
    },
    read: async (path) => {
      const saved = await openCheckpoint(path);
      try {
        for (const { name, shape, f32 } of weights.members) {
          const source = saved.tensors.get(name);
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
