import type { Graph, Leaf } from '../ir/graph.ts';
import { formatShape, formatType, sameShape, sameType, sizeOf } from '../ir/types.ts';
import type { RunOptions, Tensors } from './engine.ts';
import { allocate, type Tensor } from './tensor.ts';
import type { WeightHandle } from './weights.ts';

/** The parameters of a program and the weights that they are tied to. */
export interface Bindings {
  bind(leaf: string, weight: WeightHandle): void;
  /** The weight of each bound parameter. */
  readonly weights: ReadonlyMap<string, WeightHandle>;
  /** Tensors of all parameters but some. Throws RangeError naming those that are not bound. */
  values(except?: ReadonlySet<string>): Promise<Record<string, Tensor>>;
  /** Raises the version of the weights that a run has overwritten. */
  touchWritten(): void;
}

async function codesOf({ name, codes }: WeightHandle): Promise<Uint8Array> {
  if (!codes) throw new TypeError(`Expected codes of a quantised weight at ${name} but found f32`);
  return codes();
}

export function bindings(graph: Graph): Bindings {
  const leaves = new Map<string, Leaf>();
  for (const leaf of graph.leaves) if (leaf.kind === 'parameter') leaves.set(leaf.name, leaf);
  const bound = new Map<string, WeightHandle>();
  const written = new Set(graph.inPlace.values());
  return {
    bind: (name, weight) => {
      const leaf = leaves.get(name);
      if (!leaf) throw new RangeError(`Expected a parameter of the program but found ${name}`);
      if (!sameShape(leaf.type.shape, weight.shape)) {
        throw new RangeError(
          `Expected weight ${formatShape(leaf.type.shape)} at ${name} but found ${formatShape(weight.shape)}`,
        );
      }
      if (written.has(name) && !weight.writable)
        throw new TypeError(`The program writes ${name} but the weight is frozen`);
      bound.set(name, weight);
    },
    weights: bound,
    values: async (except) => {
      const missing = [...leaves.keys()].filter((name) => !bound.has(name));
      if (missing.length > 0) throw new RangeError(`Expected weights for ${missing.join(', ')} but none are bound`);
      const wanted = [...bound].filter(([name]) => except?.has(name) !== true);
      const entries = wanted.map(async ([name, weight]): Promise<[string, Tensor]> => [
        name,
        leaves.get(name)?.type.dtype === 'u8'
          ? { dtype: 'u8', shape: weight.shape, data: await codesOf(weight) }
          : { dtype: 'f32', shape: weight.shape, data: await weight.f32() },
      ]);
      return Object.fromEntries(await Promise.all(entries));
    },
    touchWritten: () => {
      for (const name of written) bound.get(name)?.touch();
    },
  };
}

const arrays = { f32: Float32Array, i32: Int32Array, bool: Uint8Array, u8: Uint8Array } as const;

/** Throws TypeError when a tensor's memory is not that of its type: too short, of another kind, or transferred away. */
function checkMemory(place: string, { dtype, shape, data }: Tensor): void {
  const [array, count] = [arrays[dtype], sizeOf(shape)];
  if (data instanceof array && data.length === count) return;
  throw new TypeError(
    `Expected a ${array.name} of ${count} elements for ${place} but found a ${data.constructor.name} of ${data.length}`,
  );
}

/** The fed leaves' tensors. Throws on a missing or unknown name and on another type. */
export function checkedInputs(graph: Graph, inputs: Tensors): Record<string, Tensor> {
  const fed: Record<string, Tensor> = {};
  for (const { name, kind, type } of graph.leaves) {
    if (kind !== 'input') continue;
    const given = inputs[name];
    if (!given) throw new RangeError(`Expected input ${name} ${formatType(type)} but found none`);
    if (!sameType(given, type))
      throw new TypeError(`Expected ${formatType(type)} for input ${name} but found ${formatType(given)}`);
    checkMemory(`input ${name}`, given);
    fed[name] = given;
  }
  const unknown = Object.keys(inputs).find((name) => !(name in fed));
  if (unknown !== undefined)
    throw new RangeError(`Expected inputs ${Object.keys(fed).join(', ')} but found ${unknown}`);
  return fed;
}

/** The fed leaves' tensors, with memory of their own where none is given. Throws as `checkedInputs` does. */
export function prebindInputs(graph: Graph, inputs: Tensors = {}): Record<string, Tensor> {
  const made = graph.leaves.flatMap(({ name, kind, type }): [string, Tensor][] =>
    kind === 'input' && !(name in inputs) ? [[name, allocate(type.dtype, type.shape)]] : [],
  );
  return checkedInputs(graph, { ...Object.fromEntries(made), ...inputs });
}

/** Where each output goes: over its leaf when in place, into the caller's memory, or into new memory. */
export function placeOutputs(graph: Graph, leaves: Tensors, options: RunOptions): Record<string, Tensor> {
  const placed: Record<string, Tensor> = {};
  for (const [name, { type }] of graph.outputs) {
    const leaf = graph.inPlace.get(name);
    const given = leaf === undefined ? options.outputs?.[name] : leaves[leaf];
    if (given && !sameType(given, type))
      throw new TypeError(`Expected ${formatType(type)} for output ${name} but found ${formatType(given)}`);
    if (given) checkMemory(`output ${name}`, given);
    placed[name] = given ?? allocate(type.dtype, type.shape);
  }
  const unknown = Object.keys(options.outputs ?? {}).find((name) => !graph.outputs.has(name));
  if (unknown !== undefined)
    throw new RangeError(`Expected outputs ${[...graph.outputs.keys()].join(', ')} but found ${unknown}`);
  return placed;
}
