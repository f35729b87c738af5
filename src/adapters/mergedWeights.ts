import { type Checkpoint, openCheckpoint } from '../hub/checkpoint.ts';
import { randomKey } from '../ir/random.ts';
import { sizeOf } from '../ir/types.ts';
import { isClassifier, type LanguageModel, type LinearSpec, type TaskModel } from '../nn/model.ts';
import { anyModel, taskModel } from '../nn/models/index.ts';
import { ownTensors, ownValues } from '../nn/ownNames.ts';
import { runHere } from '../runtime/linalg/job.ts';
import { linearAlgebra } from '../runtime/linalg/service.ts';
import { randomService } from '../runtime/random.ts';
import { type TensorSource, tensorSource } from '../runtime/tensor-source.ts';
import type { Adapter, Merge } from './adapter.ts';
import { type BaseValues, readAdapter } from './peftFolder.ts';

/** A checkpoint folder or .gguf file, and a PEFT adapter to be merged into it. */
export interface WeightsPath {
  readonly model: string;
  readonly adapter?: string;
}

/** One tensor of a checkpoint as an adapter leaves it. */
export interface MergedTensor {
  /** Its values, under its name in the base's file; f32 where an adapter changes them. */
  readonly source: TensorSource;
  /** The tensor that it starts from. */
  readonly base: TensorSource;
  readonly changed: boolean;
}

/** A checkpoint, with or without an adapter in its weights. */
export interface MergedWeights {
  readonly checkpoint: Checkpoint;
  /** config.json of the whole. */
  readonly config: Checkpoint['config'];
  readonly tensors: readonly MergedTensor[];
  /** Closes the files; the sources cannot be read after that. */
  close(): Promise<void>;
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

/**
 * Merges of an output head that is tied to the embedding: undefined while one tensor can still serve as both, else
 * those of the embedding that the head shares, and its own.
 */
function headMerges(merges: readonly Merge[], { head, headModule }: LanguageModel): readonly Merge[] | undefined {
  const own = merges.filter(({ name }) => name === `${headModule}.weight`);
  const shared = merges.filter(({ name }) => name === head);
  return own.length === 0 && shared.every(({ tiedToo }) => tiedToo)
    ? undefined
    : [...shared.filter(({ tiedToo }) => tiedToo), ...own];
}

/** A tensor that is written: where it starts from and its merges. */
interface Output {
  readonly name: string;
  readonly base: TensorSource;
  readonly merges: readonly Merge[];
}

/** All tensors of the merged checkpoint, under the names of the base's file. */
function outputsOf(
  tensors: ReadonlyMap<string, TensorSource>,
  merges: readonly Merge[],
  model: TaskModel,
): { readonly outputs: readonly Output[]; readonly untied: boolean } {
  const tied = isClassifier(model) || !model.tied ? undefined : model;
  const headTensor = tied && `${tied.headModule}.weight`;
  // A tied head's copy in the file is none of its own.
  const kept = [...tensors.values()].filter(({ name }) => !tied || model.ownName(name) !== headTensor);
  const outputs: Output[] = kept.map((base) => {
    const ownName = model.ownName(base.name);
    return { name: base.name, base, merges: merges.filter(({ name }) => name === ownName) };
  });
  const ofHead = tied && headMerges(merges, tied);
  const table = tied && ownTensors(tensors, model).get(tied.head);
  if (headTensor !== undefined && ofHead && table) outputs.push({ name: headTensor, base: table, merges: ofHead });
  const lost = merges.find((merge) => !outputs.some((output) => output.merges.includes(merge)));
  if (lost) throw new RangeError(`Expected tensor ${lost.name}, which the adapter changes, in the base but found none`);
  return { outputs, untied: ofHead !== undefined };
}

/** States of an adapter that its files do not hold: what it took out of the base. */
async function initialStates({ states = [] }: Adapter, base: BaseValues): Promise<Map<string, Float32Array>> {
  const services = { random: randomService(), linalg: linearAlgebra(runHere()), base };
  const values = new Map<string, Float32Array>();
  for (const { name, shape, initialize } of states) {
    const state = new Float32Array(sizeOf(shape));
    await initialize(state, { ...services, key: randomKey(0, name) });
    values.set(name, state);
  }
  return values;
}

/** As `openMergedWeights`, of an open checkpoint and the adapter at a path; what it gives is closed with the checkpoint. */
export async function mergedWeights(checkpoint: Checkpoint, path: string): Promise<MergedWeights> {
  const model = taskModel(checkpoint.config);
  const base = ownValues(checkpoint.tensors, model);
  const { adapter, values } = await readAdapter(path, model, base);
  if ('cannot' in adapter.merges)
    throw new TypeError(`${path}: expected an adapter that merges but ${adapter.merges.cannot}`);
  const states = await initialStates(adapter, base);
  const param = (name: string): Float32Array => {
    const found = values.get(name) ?? states.get(name);
    if (!found) throw new RangeError(`Expected a tensor of the adapter but found ${name}`);
    return found;
  };
  const { outputs, untied } = outputsOf(checkpoint.tensors, adapter.merges, model);
  return {
    checkpoint,
    close: async () => {},
    config: untied ? { ...checkpoint.config, tie_word_embeddings: false } : checkpoint.config,
    tensors: outputs.map(({ name, base, merges }) => {
      const isSame = merges.length === 0 && name === base.name;
      return { source: isSame ? base : mergedSource(name, base, merges, param), base, changed: merges.length > 0 };
    }),
  };
}

/** The weights of an open checkpoint as they are; they are closed with it. */
export const plainWeights = (checkpoint: Checkpoint): MergedWeights => ({
  checkpoint,
  config: checkpoint.config,
  tensors: [...checkpoint.tensors.values()].map((source) => ({ source, base: source, changed: false })),
  close: async () => {},
});

/**
 * The weights of a checkpoint, each read when it is asked for, with what an adapter does to them: a head that was tied and
 * now differs from the embedding becomes one of its own. Throws, naming the file, on an adapter for another model and on
 * one that cannot be merged.
 */
export async function openMergedWeights({ model, adapter }: WeightsPath): Promise<MergedWeights> {
  const checkpoint = await openCheckpoint(model);
  try {
    const weights = adapter === undefined ? plainWeights(checkpoint) : await mergedWeights(checkpoint, adapter);
    return { ...weights, close: () => checkpoint.close() };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

/** The weights of linear layers, by their names in the file. Throws TypeError on an architecture that is not known. */
export function linearTensors({ checkpoint, config, tensors }: MergedWeights): ReadonlyMap<string, LinearSpec> {
  const model = anyModel(config);
  const linears = new Map(model.linears.map((linear) => [`${linear.name}.weight`, linear]));
  const found = tensors.flatMap(({ source }): [string, LinearSpec][] => {
    const linear = linears.get(model.ownName(source.name) ?? '');
    return linear ? [[source.name, linear]] : [];
  });
  if (found.length === 0) throw new RangeError(`${checkpoint.path}: expected linear layers but found none`);
  return new Map(found);
}

/** The values of a tensor, widened to f32. */
export async function readValues(source: TensorSource): Promise<Float32Array> {
  const values = new Float32Array(sizeOf(source.shape));
  await source.readF32(values);
  return values;
}

/** A matrix [rows, columns] turned over. */
export function transposeValues(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[column * rows + row] = values[row * columns + column] ?? 0;
  }
  return out;
}
