import { at } from '../../ir/graph.ts';
import { sizeOf, type Shape, stridesOf } from '../../ir/types.ts';
import type { Plan } from './plan.ts';
import { dtypeNumber, elementBytes, immediateOf, type Ref, type Storage } from './ref.ts';
import type { ChainStep, KernelStep } from './step.ts';

/** Numbers of the library's kernels and elementwise operations. */
export interface Numbers {
  readonly kernels: ReadonlyMap<string, number>;
  readonly operations: ReadonlyMap<string, number>;
}

export interface EncodedPlan {
  /** See native/engine.cpp. */
  readonly words: Float64Array;
  readonly constants: Uint8Array;
}

/** Version of the library's interface that this file writes for. */
export const planVersion = 8;

interface Call {
  readonly kernel: string;
  readonly slots: readonly (Ref | null)[];
  readonly ints: readonly number[];
  readonly floats: readonly number[];
}

/** Strides of an operand within a shape that it broadcasts to. */
function broadcastStrides(operand: Shape, shape: Shape): number[] {
  if (sizeOf(operand) === sizeOf(shape)) return stridesOf(shape);
  const own = stridesOf(operand);
  return shape.map((_, axis) => {
    const i = axis - shape.length + operand.length;
    return i < 0 || operand[i] === 1 ? 0 : at(own, i);
  });
}

/** Neighbouring axes that all operands step through as one are joined; axes of 1 vanish. */
function collapse(shape: Shape, strides: readonly (readonly number[])[]): { sizes: number[]; strides: number[][] } {
  const sizes: number[] = [];
  const kept: number[][] = strides.map(() => []);
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const joins = sizes.length > 0 && strides.every((own, i) => at(kept, i).at(-1) === at(own, axis) * size);
    if (joins) {
      sizes[sizes.length - 1] = (sizes.at(-1) ?? 1) * size;
      strides.forEach((own, i) => at(kept, i).splice(-1, 1, at(own, axis)));
    } else {
      sizes.push(size);
      strides.forEach((own, i) => at(kept, i).push(at(own, axis)));
    }
  });
  return { sizes, strides: kept };
}

/** The program of a chain: registers are inputs, immediates, temporaries; temporaries are used again once read. */
function chainCall({ shape, members, inputs, outputs }: ChainStep, { operations }: Numbers): Call {
  const immediates = inputs.filter((ref) => immediateOf(ref) !== undefined);
  const operands = inputs.filter((ref) => immediateOf(ref) === undefined);
  // The output's own strides hold axes apart that the operands alone would join.
  const { sizes, strides } = collapse(shape, [
    stridesOf(shape),
    ...operands.map(({ type }) => broadcastStrides(type.shape, shape)),
  ]);
  const registers = new Map<number | Storage, number>();
  operands.forEach((ref, i) => registers.set(ref.id, i));
  immediates.forEach((ref, i) => registers.set(ref.id, operands.length + i));
  const fixed = operands.length + immediates.length;
  const kept = new Set(outputs.map(({ storage }) => storage));
  const lastRead = new Map<Storage, number>();
  members.forEach((member, index) => {
    for (const { storage } of member.inputs) lastRead.set(storage, index);
  });
  const free: number[] = [];
  let temporaries = 0;
  const words = members.flatMap(({ operation, inputs: read, outputs: [y] }, index) => {
    const from = read.map((ref) => registers.get(ref.storage) ?? registers.get(ref.id) ?? -1);
    for (const storage of new Set(read.map((ref) => ref.storage))) {
      const register = registers.get(storage);
      if (register !== undefined && lastRead.get(storage) === index && !kept.has(storage)) free.push(register);
    }
    const target = free.pop() ?? fixed + temporaries++;
    registers.set(y.storage, target);
    const number = operations.get(operation);
    if (number === undefined) throw new TypeError(`Expected an operation of the native library but found ${operation}`);
    return [number, target, ...[0, 1, 2].map((i) => from[i] ?? at(from, 0))];
  });
  const ints = [
    sizes.length,
    ...sizes,
    operands.length,
    ...operands.flatMap(({ type }, i) => [dtypeNumber(type.dtype), ...at(strides, i + 1)]),
    immediates.length,
    ...immediates.map(({ type }) => (type.dtype === 'f32' ? 0 : 1)),
    outputs.length,
    ...outputs.flatMap(({ type, storage }) => [dtypeNumber(type.dtype), registers.get(storage) ?? -1]),
    temporaries,
    members.length,
    ...words,
  ];
  return {
    kernel: 'elementwise',
    slots: [...operands, ...outputs],
    ints,
    floats: immediates.map((ref) => immediateOf(ref) ?? 0),
  };
}

function kernelCall({ kernel, inputs, outputs, optional, ints, floats }: KernelStep, read: ReadonlySet<Storage>): Call {
  const slots = outputs.map((ref, index) => (optional.includes(index) && !read.has(ref.storage) ? null : ref));
  return { kernel, slots: [...inputs, ...slots], ints, floats };
}

/** Constants one after another on 64-byte boundaries. */
function layConstants(storages: readonly Storage[]): { bytes: Uint8Array; offsets: Map<Storage, number> } {
  const offsets = new Map<Storage, number>();
  let end = 0;
  for (const storage of storages) {
    if (storage.kind !== 'constant' || offsets.has(storage)) continue;
    offsets.set(storage, end);
    end += Math.ceil((storage.values.length * elementBytes(storage.dtype)) / 64) * 64;
  }
  const bytes = new Uint8Array(new ArrayBuffer(Math.max(64, end)));
  for (const [storage, start] of offsets) {
    if (storage.kind !== 'constant') continue;
    const { dtype, values } = storage;
    if (dtype === 'f32') new Float32Array(bytes.buffer, start, values.length).set(values);
    else if (dtype === 'i32') new Int32Array(bytes.buffer, start, values.length).set(values);
    else bytes.set(values, start);
  }
  return { bytes, offsets };
}

/** A plan as the library reads it. */
export function encodePlan({ steps, arena, placed }: Plan, numbers: Numbers): EncodedPlan {
  const read = new Set<Storage>(placed.keys());
  for (const { inputs } of steps) for (const ref of inputs) if (ref) read.add(ref.storage);
  const calls = steps.map((step) => (step.kind === 'chain' ? chainCall(step, numbers) : kernelCall(step, read)));
  const used = calls.flatMap(({ slots }) => slots.flatMap((ref) => (ref ? [ref.storage] : [])));
  const { bytes, offsets } = layConstants(used);
  const slotWords: number[] = [];
  const slotNumbers = new Map<string, number>();
  const slotOf = (ref: Ref | null): number => {
    if (!ref) return -1;
    const { storage } = ref;
    const leaf = storage.kind === 'leaf' ? storage.leaf : placed.get(storage);
    const words =
      leaf !== undefined
        ? [1, leaf, ref.offset]
        : storage.kind === 'constant'
          ? [2, 0, (offsets.get(storage) ?? 0) + ref.offset]
          : [0, 0, (arena.offsets.get(storage) ?? Number.NaN) + ref.offset];
    const key = words.join();
    const known = slotNumbers.get(key);
    if (known !== undefined) return known;
    slotNumbers.set(key, slotNumbers.size);
    slotWords.push(...words);
    return slotNumbers.size - 1;
  };
  const callWords = calls.map(({ kernel, slots, ints, floats }) => {
    const number = numbers.kernels.get(kernel);
    if (number === undefined) throw new TypeError(`Expected a kernel of the native library but found ${kernel}`);
    return [number, slots.length, ints.length, floats.length, ...slots.map(slotOf), ...ints, ...floats];
  });
  const head = [planVersion, arena.bytes, slotNumbers.size];
  return { words: Float64Array.from([...head, ...slotWords, calls.length, ...callWords.flat()]), constants: bytes };
}
