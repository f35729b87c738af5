import { sizeOf, type Shape } from '../ir/types.ts';
import { codeBytes, quantizedBlock, type QuantizedType } from '../ir/ops/dequantize.ts';
import { quantized, quantizedNames, type QuantizedWeights, widened } from './quantizedWeights.ts';
import type { StorageType } from './storage.ts';
import type { TensorSource } from './tensor-source.ts';
import { hostScans, type WeightScans } from './weightScans.ts';
import { readBf16, readF32 } from './weightValues.ts';

/** A named weight. Programs bind handles; whoever changes the values raises the version, so that no copy goes stale. */
export interface WeightHandle {
  readonly name: string;
  readonly shape: Shape;
  /** How the weight is stored, whatever precision a program reads it in. */
  readonly storage: StorageType;
  /** Trained weights are f32 in memory and may be written; those of a checkpoint are read from their file. */
  readonly writable: boolean;
  readonly version: () => number;
  /** The values in f32: one array, shared by all programs, that stays the same until the handle is released, unless it is `transient`. */
  readonly f32: () => Promise<Float32Array>;
  /** Of a weight that is read from its file: rounded to bf16, as the upper halves of f32; one array, as `f32`, which may be held beside it. */
  readonly bf16?: () => Promise<Uint16Array>;
  /** Whether `f32` makes the values anew each time, because what is held is something else. */
  readonly transient?: boolean;
  /** The values in f32 to look at: where they are held so that array, else one of the caller's own. */
  readonly read: () => Promise<Float32Array>;
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
  /** Bytes of values in memory. */
  residentBytes(): number;
  /** Bytes that stored tensors will take that were not read yet, in f32 where `forms` says nothing of them. */
  unreadBytes(forms?: WeightForms): number;
}

/** What a program reads a weight in. */
export type WeightForm = 'f32' | 'bf16';

/** By the weight's name. */
export type WeightForms = ReadonlyMap<string, ReadonlySet<WeightForm>>;

const formBytes: Readonly<Record<WeightForm, number>> = { f32: 4, bf16: 2 };

/** The form that an engine reads a weight in, where its program takes either: bf16 if products are rounded to it anyway, or nothing is lost. */
export const formOf = ({ bf16, storage }: WeightHandle, precision: string): WeightForm =>
  bf16 && (precision === 'bf16' || storage === 'bf16') ? 'bf16' : 'f32';

const alignment = 16;

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

/** A store whose stored weights are looked through by `scans` as they are read, on the calling thread unless given. */
export function weightStore(scans: WeightScans = hostScans()): WeightStore {
  const handles = new Map<string, WeightHandle>();
  // All at once would hold a buffer per tensor and block the event loop while they start.
  const few = limited(2);
  let resident = 0;
  /** What was not read yet: bytes in each form. */
  const unread = new Map<string, Readonly<Record<WeightForm, number>>>();
  const taken = (name: string, bytes: number): void => {
    unread.delete(name);
    resident += bytes;
  };

  const register = (handle: WeightHandle): WeightHandle => {
    if (handles.has(handle.name)) throw new RangeError(`Expected a new weight name but found ${handle.name} twice`);
    handles.set(handle.name, handle);
    return handle;
  };

  const add = (source: TensorSource): WeightHandle => {
    const { name, shape, storage } = source;
    const count = sizeOf(shape);
    unread.set(name, { f32: formBytes.f32 * count, bf16: formBytes.bf16 * count });
    const once = <A extends Float32Array | Uint16Array>(
      read: (source: TensorSource, scans: WeightScans) => Promise<A>,
    ): { readonly begun: () => boolean; readonly get: () => Promise<A> } => {
      let loading: Promise<A> | undefined;
      const load = async (): Promise<A> => {
        const values = await read(source, scans);
        taken(name, values.BYTES_PER_ELEMENT * count);
        return values;
      };
      return { begun: () => loading !== undefined, get: () => (loading ??= few(load)) };
    };
    const [wide, narrow] = [once(readF32), once(readBf16)];
    return register({
      name,
      shape,
      storage,
      writable: false,
      version: () => 0,
      f32: wide.get,
      bf16: narrow.get,
      read: () => (wide.begun() ? wide.get() : few(() => readF32(source, scans))),
      source,
      touch: () => {
        throw new TypeError(`Expected a trained weight but ${name} is frozen`);
      },
    });
  };

  const addQuantized = (source: TensorSource, type: QuantizedType): WeightHandle => {
    const names = quantizedNames(source.name);
    const blocks = sizeOf(source.shape) / quantizedBlock;
    let loading: Promise<QuantizedWeights> | undefined;
    const bytes = blocks * (codeBytes[type] + 4);
    unread.set(source.name, { f32: bytes, bf16: bytes });
    const load = async (): Promise<QuantizedWeights> => {
      const made = quantized(type, await readF32(source, scans));
      taken(source.name, bytes);
      return made;
    };
    const loaded = (): Promise<QuantizedWeights> => (loading ??= few(load));
    const frozen = { storage: source.storage, writable: false, version: () => 0, source: undefined } as const;
    const touch = () => {
      throw new TypeError(`Expected a trained weight but ${source.name} is frozen`);
    };
    const noFloats = async (): Promise<never> => {
      throw new TypeError(`Expected f32 weights but ${names.codes} holds codes of ${type}`);
    };
    register({
      ...frozen,
      name: names.codes,
      shape: [blocks * codeBytes[type]],
      codes: async () => (await loaded()).codes,
      f32: noFloats,
      read: noFloats,
      touch,
    });
    const scales = async (): Promise<Float32Array> => (await loaded()).scales;
    register({ ...frozen, name: names.scales, shape: [blocks], f32: scales, read: scales, touch });
    const { name, shape } = source;
    const values = async (): Promise<Float32Array> => widened(type, await loaded());
    return register({ ...frozen, name, shape, transient: true, f32: values, read: values, touch });
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
        read: () => values,
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
    unreadBytes: (forms) => {
      let bytes = 0;
      for (const [name, of] of unread) for (const form of forms?.get(name) ?? ['f32' as const]) bytes += of[form];
      return bytes;
    },
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
