import { openCheckpoint } from '../hub/checkpoint.ts';
import { dtypeFields } from '../hub/dtypeFields.ts';
import { checkPeftAdapter, type LoraTensors, readPeftAdapter } from '../hub/peft.ts';
import { scaleOf } from '../hub/peft-target.ts';
import { writeCheckpoint } from '../hub/writeCheckpoint.ts';
import { languageModel } from '../nn/models/index.ts';
import { isWeightStorage } from '../runtime/storage.ts';
import { castSource, type TensorSource, tensorSource } from '../runtime/tensor-source.ts';
import { sizeOf } from '../ir/types.ts';

export interface MergeOptions {
  /** Checkpoint folder or .gguf file. */
  readonly model: string;
  /** PEFT adapter folder. */
  readonly adapter: string;
  /** The checkpoint folder to write; must not be there. */
  readonly out: string;
}

export interface MergeSummary {
  readonly merged: number;
  /** Storage of the weights that were written. */
  readonly storage: readonly string[];
  readonly notices: readonly string[];
}

const transposed = ({ shape: [rows, columns], values }: LoraTensors['A']): LoraTensors['A'] => ({
  shape: [columns, rows],
  values: values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? 0),
});

/** W + s B A, summed in f64 and rounded to f32 once. */
function addLowRank(weight: Float32Array, { A, B }: LoraTensors, scale: number): void {
  const [rank, inner] = A.shape;
  const [outer] = B.shape;
  const row = new Float64Array(inner);
  for (let o = 0; o < outer; o++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = scale * (B.values[o * rank + r] ?? 0);
      for (let i = 0; i < inner; i++) row[i] = (row[i] ?? 0) + factor * (A.values[r * inner + i] ?? 0);
    }
    for (let i = 0; i < inner; i++) weight[o * inner + i] = (weight[o * inner + i] ?? 0) + (row[i] ?? 0);
  }
}

/** A tensor with its low-rank term added, computed when it is read. */
function mergedSource(source: TensorSource, { A, B }: LoraTensors, scale: number, isTransposed: boolean): TensorSource {
  // (B A)ᵀ = Aᵀ Bᵀ
  const factors = isTransposed ? { A: transposed(B), B: transposed(A) } : { A, B };
  return tensorSource(source.name, source.shape, 'f32', async function* () {
    const values = new Float32Array(sizeOf(source.shape));
    await source.readF32(values);
    addLowRank(values, factors, scale);
    yield new Uint8Array(values.buffer);
  });
}

const floats = ['f32', 'f16', 'bf16'] as const;
type FloatStorage = (typeof floats)[number];
const isFloat = (storage: string): storage is FloatStorage => (floats as readonly string[]).includes(storage);

/**
 * Writes base and adapter as one checkpoint: W' = W + s B A for each adapted module, the rest as it is. Float weights keep
 * their type; block-quantised ones are written in f32, because rounding a merged weight to blocks again would undo part
 * of what was learned. Throws on an adapter for another model and when the folder exists.
 */
export async function mergeAdapter({ model: path, adapter: adapterPath, out }: MergeOptions): Promise<MergeSummary> {
  const checkpoint = await openCheckpoint(path);
  try {
    const model = languageModel(checkpoint.config);
    const adapter = await readPeftAdapter(adapterPath);
    const linears = model.linears.map(({ name, inFeatures, outFeatures }) => ({ path: name, inFeatures, outFeatures }));
    checkPeftAdapter(
      adapter,
      [...linears, { path: 'lm_head', inFeatures: model.hiddenSize, outFeatures: model.vocabSize, isHead: true }],
      adapterPath,
    );
    const stored = new Set(model.linears.filter(({ transposed: isIt }) => isIt).map(({ name }) => name));
    const storages = new Set<FloatStorage>();
    const tensors = [...checkpoint.tensors.values()].map((source) => {
      if (!isWeightStorage(source.storage)) return source;
      const storage = isFloat(source.storage) ? source.storage : 'f32';
      storages.add(storage);
      const name = model.ownName(source.name);
      const module = name?.replace(/\.weight$/, '') ?? '';
      const factors = name?.endsWith('.weight') === true ? adapter.modules.get(module) : undefined;
      const isTransposed = stored.has(module);
      return castSource(
        factors ? mergedSource(source, factors, scaleOf(adapter.config, module), isTransposed) : source,
        storage,
      );
    });
    const quantised = [...checkpoint.tensors.values()].filter(
      ({ storage }) => isWeightStorage(storage) && !isFloat(storage),
    ).length;
    const [only] = storages;
    const config =
      storages.size === 1 && only !== undefined
        ? { ...checkpoint.config, ...dtypeFields(checkpoint.config, only) }
        : checkpoint.config;
    await writeCheckpoint(out, tensors, { ...checkpoint, config });
    return {
      merged: adapter.modules.size,
      storage: [...storages],
      notices: quantised === 0 ? [] : [`${quantised} block-quantised tensors are written in f32`],
    };
  } finally {
    await checkpoint.close();
  }
}
