import {
  linearTensors,
  type MergedWeights,
  openMergedWeights,
  readValues,
  transposeValues,
  type WeightsPath,
} from '../adapters/mergedWeights.ts';
import { formatShape, sameShape } from '../ir/types.ts';
import type { LinearAlgebra } from '../runtime/linalg/service.ts';
import { isWeightStorage } from '../runtime/storage.ts';
import { type TensorSource, tensorSource } from '../runtime/tensor-source.ts';
import type { SurgeryResult, SurgeryUnit } from './surgery.ts';
import { writeWeights } from './writeWeights.ts';

export interface OperateOptions {
  readonly unit: SurgeryUnit;
  /** Fields of the unit's schema. */
  readonly options: unknown;
  readonly base: WeightsPath;
  readonly models: readonly WeightsPath[];
  /** The checkpoint folder to write; must not be there. */
  readonly out: string;
  readonly linalg: LinearAlgebra;
  readonly onTensor?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface OperateSummary {
  readonly tensors: number;
  /** What the unit found, by tensor. */
  readonly figures: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly storage: readonly string[];
  readonly notices: readonly string[];
}

/** One tensor of each model under the base's names. RangeError naming what a model lacks, has beside or has in another shape. */
function aligned(base: MergedWeights, model: MergedWeights): Map<string, TensorSource> {
  const { path } = model.checkpoint;
  const theirs = new Map(model.tensors.map(({ source }) => [source.name, source]));
  for (const { source } of base.tensors) {
    const found = theirs.get(source.name);
    if (!found || !sameShape(found.shape, source.shape)) {
      throw new RangeError(
        `${path}: expected tensor ${source.name} ${formatShape(source.shape)}, as the base has it, but found ${found ? formatShape(found.shape) : 'none'}`,
      );
    }
  }
  const own = new Set(base.tensors.map(({ source }) => source.name));
  const extra = [...theirs.keys()].find((name) => !own.has(name));
  if (extra !== undefined) throw new RangeError(`${path}: expected the base's tensors alone but found ${extra}`);
  return theirs;
}

/** What a unit makes of one tensor of all models, in the layout of the file. */
async function operateOn(
  { unit, linalg }: OperateOptions,
  options: unknown,
  sources: { readonly base: TensorSource; readonly models: readonly TensorSource[] },
  isTransposed: boolean,
): Promise<SurgeryResult> {
  const { name, shape } = sources.base;
  const [rows = 0, columns = 0] = shape;
  const read = async (source: TensorSource): Promise<Float32Array> => {
    const values = await readValues(source);
    return isTransposed ? transposeValues(values, rows, columns) : values;
  };
  const tensor = {
    name,
    shape: isTransposed ? [columns, rows] : shape,
    base: await read(sources.base),
    models: await Promise.all(sources.models.map(read)),
  };
  const result = await unit.operate(tensor, options, { linalg });
  return isTransposed ? { ...result, values: transposeValues(result.values, columns, rows) } : result;
}

/**
 * Does a surgery tensor by tensor and writes a checkpoint with the base's config, tokenizer, names and storage. Throws, naming
 * model and tensor, where the models are not of one shape, and when the folder exists.
 */
export async function operate(job: OperateOptions): Promise<OperateSummary> {
  const { unit, out, onTensor, signal } = job;
  const { least, most } = unit.models;
  const count = job.models.length;
  if (count < least || count > most) {
    const expected = least === most ? `${least}` : `at least ${least}`;
    throw new RangeError(`${unit.type}: expected ${expected} models beside the base but found ${count}`);
  }
  const options = unit.schema.parse(job.options);
  const opened: MergedWeights[] = [];
  try {
    const open = async (path: WeightsPath): Promise<MergedWeights> => {
      const weights = await openMergedWeights(path);
      opened.push(weights);
      return weights;
    };
    const base = await open(job.base);
    const models: Map<string, TensorSource>[] = [];
    for (const path of job.models) models.push(aligned(base, await open(path)));
    const figures: Record<string, Readonly<Record<string, number>>> = {};
    let done = 0;
    const linears = unit.on === 'linears' ? linearTensors(base) : undefined;
    const written = base.tensors.map(({ source, base: { storage } }) => {
      const { name, shape } = source;
      const theirs = models.flatMap((tensors) => tensors.get(name) ?? []);
      const linear = linears?.get(name);
      if (!isWeightStorage(storage) || (linears && !linear)) return { source: theirs[0] ?? source, storage };
      const result = tensorSource(name, shape, 'f32', async function* () {
        signal?.throwIfAborted();
        const sources = { base: source, models: theirs };
        const { values, figures: found } = await operateOn(job, options, sources, linear?.transposed === true);
        if (found) figures[name] = found;
        onTensor?.(++done, linears?.size ?? base.tensors.length);
        yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      });
      return { source: result, storage };
    });
    const summary = await writeWeights(out, written, { ...base.checkpoint, config: base.config });
    return { tensors: written.length, figures, ...summary };
  } finally {
    for (const weights of opened) await weights.close();
  }
}
