import { sizeOf, type Shape } from '../ir/types.ts';
import { codeBytes, quantizedBlock, type QuantizedType } from '../ir/ops/dequantize.ts';
import { quantized, quantizedNames, type QuantizedWeights, widened } from './quantizedWeights.ts';
import type { StorageType } from './storage.ts';
import type { TensorSource } from './tensor-source.ts';

/** A named weight. Programs bind handles; whoever changes the values raises the version, so that no copy goes stale. */
export interface WeightHandle {
  readonly name: string;
  readonly shape: Shape;
  /** How the weight is stored, whatever precision a program reads it in. */
  readonly storage: StorageType;
  /** Trained weights are f32 in memory and may be written; those of a checkpoint are read from their file. */
  readonly writable: boolean;
  readonly version: () => number;
  /** The values in f32: one array, shared by all programs, that stays the same until the handle is released. */
  readonly f32: () => Promise<Float32Array>;
  /** Of the codes of a quantised weight: one array, as `f32`, which these have not. */
  readonly codes?: () => Promise<Uint8Array>;
  /** The stored bytes, for engines that compute in the storage type. */
  readonly source: TensorSource | undefined;
  /** Says that the values were changed in place. Throws TypeError on a frozen weight. */
  readonly touch: () => void;
}

/** Trained weights that lie one after another, so that an elementwise update of all of them is one update of `flat`. */
export interface WeightGroup {
  readonly flat: WeightHandle;
  readonly members: readonly WeightHandle[];
  /** The members from one to before another as one vector. */
  span(from: number, to: number): WeightHandle;
}

export interface WeightStore {
  /** Registers a stored tensor; nothing is read yet. Throws RangeError on a name that is taken. */
  add(source: TensorSource): WeightHandle;
  /**
   * Registers a stored tensor that is held in blocks of few bits: under its own name, whose `f32` is made anew each time,
   * and under `quantizedNames` its codes and scales. Nothing is read yet. Throws RangeError on a name that is taken.
   */
  addQuantized(source: TensorSource, type: QuantizedType): WeightHandle;
  /** Zeroed f32 weights of one update, each starting on a 64-byte boundary with zeros between. */
  allocate(group: string, members: readonly { readonly name: string; readonly shape: Shape }[]): WeightGroup;
  /** Throws RangeError naming what is missing. */
  get(name: string): WeightHandle;
  has(name: string): boolean;
  names(): readonly string[];
  /** Bytes of f32 values in memory. */
  residentBytes(): number;
  /** Bytes that stored tensors will take in f32 and were not read yet. */
  unreadBytes(): number;
}

const alignment = 16;

/** Throws RangeError naming the tensor when a value is NaN or infinite; `start` is the place of the first value in it. */
export function assertFinite(name: string, values: Float32Array, start = 0): void {
  // By bits and by index: several times as fast as arithmetic, and fifteen times as fast as an iterator.
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    if (((bits[i] ?? 0) & 0x7f800000) === 0x7f800000) {
      throw new RangeError(`Expected finite weights but found ${values[i]} in ${name} at element ${start + i}`);
    }
  }
}

const pieceSize = 2 ** 22;

/** `assertFinite` piece by piece, letting timers and input through between them. */
async function checkFinite(name: string, values: Float32Array): Promise<void> {
  for (let start = 0; start < values.length; start += pieceSize) {
    assertFinite(name, values.subarray(start, start + pieceSize), start);
    if (start + pieceSize < values.length) await new Promise((resolve) => setTimeout(resolve));
  }
}

/** Runs tasks a few at a time, in the order that they come. */
function limited(width: number): <T>(task: () => Promise<T>) => Promise<T> {
  const lanes = Array.from({ length: width }, () => Promise.resolve());
  let next = 0;
  return (task) => {
    const lane = next++ % width;
    const result = (lanes[lane] ?? Promise.resolve()).then(task);
    lanes[lane] = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  };
}

export function weightStore(): WeightStore {
  const handles = new Map<string, WeightHandle>();
  // All at once would hold a buffer per tensor and block the event loop while they start.
  const few = limited(2);
  let [resident, unread] = [0, 0];

  const register = (handle: WeightHandle): WeightHandle => {
    if (handles.has(handle.name)) throw new RangeError(`Expected a new weight name but found ${handle.name} twice`);
    handles.set(handle.name, handle);
    return handle;
  };

  const add = (source: TensorSource): WeightHandle => {
    let loading: Promise<Float32Array> | undefined;
    const bytes = 4 * sizeOf(source.shape);
    unread += bytes;
    const load = async (): Promise<Float32Array> => {
      const values = new Float32Array(new ArrayBuffer(4 * Math.max(1, sizeOf(source.shape))), 0, sizeOf(source.shape));
      await source.readF32(values);
      await checkFinite(source.name, values);
      resident += bytes;
      unread -= bytes;
      return values;
    };
    return register({
      name: source.name,
      shape: source.shape,
      storage: source.storage,
      writable: false,
      version: () => 0,
      f32: () => (loading ??= few(load)),
      source,
      touch: () => {
        throw new TypeError(`Expected a trained weight but ${source.name} is frozen`);
      },
    });
  };

  const addQuantized = (source: TensorSource, type: QuantizedType): WeightHandle => {
    const names = quantizedNames(source.name);
    const blocks = sizeOf(source.shape) / quantizedBlock;
    let loading: Promise<QuantizedWeights> | undefined;
    const bytes = blocks * (codeBytes[type] + 4);
    unread += bytes;
    const load = async (): Promise<QuantizedWeights> => {
      const values = new Float32Array(sizeOf(source.shape));
      await source.readF32(values);
      await checkFinite(source.name, values);
      const made = quantized(type, values);
      resident += bytes;
      unread -= bytes;
      return made;
    };
    const loaded = (): Promise<QuantizedWeights> => (loading ??= few(load));
    const frozen = { storage: source.storage, writable: false, version: () => 0, source: undefined } as const;
    const touch = () => {
      throw new TypeError(`Expected a trained weight but ${source.name} is frozen`);
    };
    register({
      ...frozen,
      name: names.codes,
      shape: [blocks * codeBytes[type]],
      codes: async () => (await loaded()).codes,
      f32: async () => {
        throw new TypeError(`Expected f32 weights but ${names.codes} holds codes of ${type}`);
      },
      touch,
    });
    register({ ...frozen, name: names.scales, shape: [blocks], f32: async () => (await loaded()).scales, touch });
    const { name, shape } = source;
    return register({ ...frozen, name, shape, f32: async () => widened(type, await loaded()), touch });
  };

  const allocate = (
    group: string,
    members: readonly { readonly name: string; readonly shape: Shape }[],
  ): WeightGroup => {
    let count = 0;
    const offsets = members.map(({ shape }) => {
      const offset = count;
      count += Math.ceil(sizeOf(shape) / alignment) * alignment;
      return offset;
    });
    const buffer = new ArrayBuffer(4 * Math.max(1, count));
    resident += buffer.byteLength;
    let version = 0;
    const handle = (name: string, shape: Shape, offset: number, length: number): WeightHandle => {
      const values = Promise.resolve(new Float32Array(buffer, 4 * offset, length));
      const touch = () => {
        version++;
      };
      return {
        name,
        shape,
        storage: 'f32',
        writable: true,
        version: () => version,
        f32: () => values,
        source: undefined,
        touch,
      };
    };
    return {
      flat: register(handle(group, [count], 0, count)),
      members: members.map(({ name, shape }, index) =>
        register(handle(name, shape, offsets[index] ?? 0, sizeOf(shape))),
      ),
      span: (from, to) => {
        const start = offsets[from] ?? count;
        const length = (offsets[to] ?? count) - start;
        return handle(`${group} ${from} to ${to}`, [length], start, length);
      },
    };
  };

  return {
    add,
    addQuantized,
    allocate,
    get: (name) => {
      const handle = handles.get(name);
      if (!handle) throw new RangeError(`Expected a weight named ${name} but the store has none`);
      return handle;
    },
    has: (name) => handles.has(name),
    names: () => [...handles.keys()],
    residentBytes: () => resident,
    unreadBytes: () => unread,
  };
}

/** Copies values into the weights of the same names. */
export async function fillWeights(weights: WeightGroup, values: ReadonlyMap<string, Float32Array>): Promise<void> {
  for (const { name, f32 } of weights.members) {
    const given = values.get(name);
    if (given) (await f32()).set(given);
  }
  weights.flat.touch();
}
