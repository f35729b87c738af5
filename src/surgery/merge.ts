import type { Merge } from '../adapters/adapter.ts';
import { readAdapter } from '../adapters/peftFolder.ts';
import { openCheckpoint } from '../hub/checkpoint.ts';
import { dtypeFields } from '../hub/dtypeFields.ts';
import { writeCheckpoint } from '../hub/writeCheckpoint.ts';
import { sizeOf } from '../ir/types.ts';
import type { LanguageModel } from '../nn/model.ts';
import { languageModel } from '../nn/models/index.ts';
import { ownTensors, ownValues } from '../nn/ownNames.ts';
import { isWeightStorage } from '../runtime/storage.ts';
import { castSource, type TensorSource, tensorSource } from '../runtime/tensor-source.ts';

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

/** A tensor with its merges applied, computed when it is read. */
function mergedSource(
  name: string,
  source: TensorSource,
  merges: readonly Merge[],
  param: (name: string) => Float32Array,
): TensorSource {
  return tensorSource(name, source.shape, 'f32', async function* () {
    const values = new Float32Array(sizeOf(source.shape));
    await source.readF32(values);
    for (const { apply } of merges) apply(values, param);
    yield new Uint8Array(values.buffer);
  });
}

const floats = ['f32', 'f16', 'bf16'] as const;
type FloatStorage = (typeof floats)[number];
const isFloat = (storage: string): storage is FloatStorage => (floats as readonly string[]).includes(storage);

/**
 * Merges of the output head where it is tied to the embedding: undefined while one tensor can still serve as both, else
 * those of the embedding that the head shares, and its own.
 */
function headMerges(merges: readonly Merge[], { tied, head, headModule }: LanguageModel): readonly Merge[] | undefined {
  if (!tied) return undefined;
  const own = merges.filter(({ name }) => name === `${headModule}.weight`);
  const shared = merges.filter(({ name }) => name === head);
  return own.length === 0 && shared.every(({ tiedToo }) => tiedToo)
    ? undefined
    : [...shared.filter(({ tiedToo }) => tiedToo), ...own];
}

/** A tensor that is written: where it starts from and its merges. */
interface Output {
  readonly name: string;
  readonly source: TensorSource;
  readonly merges: readonly Merge[];
}

/** All tensors of the merged checkpoint, under the names of the base's file. */
function outputsOf(
  tensors: ReadonlyMap<string, TensorSource>,
  merges: readonly Merge[],
  model: LanguageModel,
): { readonly outputs: readonly Output[]; readonly untied: boolean } {
  const headTensor = `${model.headModule}.weight`;
  const own = ownTensors(tensors, model);
  // A tied head's copy in the file is none of its own.
  const kept = [...tensors.values()].filter(({ name }) => !(model.tied && model.ownName(name) === headTensor));
  const outputs: Output[] = kept.map((source) => {
    const ownName = model.ownName(source.name);
    return { name: source.name, source, merges: merges.filter(({ name }) => name === ownName) };
  });
  const ofHead = headMerges(merges, model);
  const table = own.get(model.head);
  if (ofHead && table) outputs.push({ name: headTensor, source: table, merges: ofHead });
  const lost = merges.find((merge) => !outputs.some((output) => output.merges.includes(merge)));
  if (lost) throw new RangeError(`Expected tensor ${lost.name}, which the adapter changes, in the base but found none`);
  return { outputs, untied: ofHead !== undefined };
}

/**
 * Writes base and adapter as one checkpoint: what each merge of the adapter says, the rest as it is. Float weights keep
 * their type; block-quantised ones are written in f32, because rounding a merged weight to blocks again would undo part
 * of what was learned. A head that was tied and now differs from the embedding becomes one of its own. Throws on an
 * adapter for another model, on one that cannot be merged, and when the folder exists.
 */
export async function mergeAdapter({ model: path, adapter: adapterPath, out }: MergeOptions): Promise<MergeSummary> {
  const checkpoint = await openCheckpoint(path);
  try {
    const model = languageModel(checkpoint.config);
    const { adapter, values } = await readAdapter(adapterPath, model, ownValues(checkpoint.tensors, model));
    if ('cannot' in adapter.merges)
      throw new TypeError(`${adapterPath}: expected an adapter that merges but ${adapter.merges.cannot}`);
    const param = (name: string): Float32Array => {
      const found = values.get(name);
      if (!found) throw new RangeError(`Expected a tensor of the adapter but found ${name}`);
      return found;
    };
    const { outputs, untied } = outputsOf(checkpoint.tensors, adapter.merges, model);
    const storages = new Set<FloatStorage>();
    const tensors = outputs.map(({ name, source, merges }) => {
      if (!isWeightStorage(source.storage)) return source;
      const storage = isFloat(source.storage) ? source.storage : 'f32';
      storages.add(storage);
      const changed = merges.length > 0 || name !== source.name;
      return castSource(changed ? mergedSource(name, source, merges, param) : source, storage);
    });
    const quantised = [...checkpoint.tensors.values()].filter(
      ({ storage }) => isWeightStorage(storage) && !isFloat(storage),
    ).length;
    const [only] = storages;
    const config = {
      ...checkpoint.config,
      ...(storages.size === 1 && only !== undefined ? dtypeFields(checkpoint.config, only) : {}),
      ...(untied ? { tie_word_embeddings: false } : {}),
    };
    await writeCheckpoint(out, tensors, { ...checkpoint, config });
    return {
      merged: outputs.filter(({ merges }) => merges.length > 0).length,
      storage: [...storages],
      notices: quantised === 0 ? [] : [`${quantised} block-quantised tensors are written in f32`],
    };
  } finally {
    await checkpoint.close();
  }
}
