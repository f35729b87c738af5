import { at } from '../../ir/graph.ts';
import type { Builder } from './builder.ts';
import { bytesOfRef, type Ref, type Storage } from './ref.ts';
import type { KernelStep, Step } from './step.ts';

/** Smaller values are not worth a second computation. */
const worthBytes = 2 ** 18;
/** Operands that have to be kept for it may take such a part of what is saved. */
const keptShare = 1 / 8;
/** Values are followed back through so many computations. */
const deepest = 8;
/** An operand that is made again too may be wanted so many steps sooner than by its other readers. */
const sooner = 12;
/** Kernels that cost little more than reading their operands. */
const cheapKernels: ReadonlySet<string> = new Set(['rmsNorm']);

const isCheap = (step: Step): boolean => step.kind === 'elementwise' || cheapKernels.has(step.kernel);

const isLarge = (storage: Storage): boolean => storage.kind === 'arena' && storage.bytes >= worthBytes;

/** A step of the list, or one to carry out again just before it. */
interface Item {
  step: Step;
  readonly place: number;
}

/** The step at which most bytes are alive. */
function peakOf(items: readonly Item[], last: (storage: Storage) => number): number {
  const change = new Float64Array(items.length + 1);
  const count = (index: number, bytes: number): void => {
    change[index] = (change[index] ?? 0) + bytes;
  };
  for (const { step, place } of items) {
    for (const { storage } of step.outputs) {
      const end = last(storage);
      if (storage.kind !== 'arena' || end < place) continue;
      count(place, storage.bytes);
      count(Math.min(end + 1, items.length), -storage.bytes);
    }
  }
  let [alive, most, peak] = [0, 0, 0];
  for (const { place } of items) {
    alive += change[place] ?? 0;
    if (alive > most) [most, peak] = [alive, place];
  }
  return peak;
}

/** The step with other operands or results. */
function changed(step: Step, inputs: readonly (Ref | null)[], outputs: readonly Ref[]): Step {
  if (step.kind === 'kernel') return { ...step, inputs, outputs } satisfies KernelStep;
  return { ...step, inputs: inputs.filter((ref) => ref !== null), outputs: [at(outputs, 0)] };
}

/**
 * Computes cheap values a second time for readers behind the peak of memory, where their operands are alive there anyway: a
 * backward pass then finds what products made, and what followed from it is made again. Results stay the same bits. Takes
 * steps that are needed, in the order that they will run in; undefined where there is nothing to gain.
 */
export function rematerialize(
  steps: readonly Step[],
  outputs: ReadonlySet<Storage>,
  build: Builder,
): Step[] | undefined {
  const items = steps.map((step, place): Item => ({ step, place }));
  const readers = new Map<Storage, Item[]>();
  const writers = new Map<Storage, Item>();
  const reads = (item: Item): void => {
    for (const storage of new Set(item.step.inputs.flatMap((ref) => (ref ? [ref.storage] : [])))) {
      const known = readers.get(storage);
      if (known) known.push(item);
      else readers.set(storage, [item]);
    }
  };
  for (const item of items) {
    reads(item);
    for (const { storage } of item.step.outputs) writers.set(storage, item);
  }
  const last = (storage: Storage): number =>
    outputs.has(storage)
      ? Number.POSITIVE_INFINITY
      : (readers.get(storage) ?? []).reduce((most, { place }) => Math.max(most, place), -1);
  const peak = peakOf(items, last);

  const canRepeat = (step: Step, place: number, depth = 0): boolean =>
    isCheap(step) &&
    depth < deepest &&
    step.inputs.every((ref) => {
      if (!ref || ref.storage.kind !== 'arena' || last(ref.storage) >= place) return true;
      if (ref.storage.bytes <= keptShare * Math.max(...step.outputs.map(bytesOfRef))) return true;
      const writer = writers.get(ref.storage);
      return writer !== undefined && writer.place < peak && canRepeat(writer.step, place, depth + 1);
    });

  /** The first reader of some storages behind the peak. */
  const firstLate = (storages: readonly Storage[]): { late: Item[]; place: number } => {
    const late = storages.flatMap((storage) => (readers.get(storage) ?? []).filter(({ place }) => place > peak));
    return { late, place: late.reduce((first, item) => Math.min(first, item.place), Number.POSITIVE_INFINITY) };
  };

  // Operands of what is made again that would otherwise be made again long before their own readers, and theirs before them.
  const kept = new Set<Storage>();
  const before = new Map<number, Item[]>();
  // Backwards, so that what is made again asks for its operands before those are decided on.
  for (const { step } of items.slice(0, peak).toReversed()) {
    const large = step.outputs.filter(({ storage }) => isLarge(storage) && !outputs.has(storage));
    const { late, place } = firstLate(large.map(({ storage }) => storage));
    if (late.length === 0 || large.some(({ storage }) => kept.has(storage)) || !canRepeat(step, place)) continue;
    for (const ref of step.inputs)
      if (ref && last(ref.storage) >= place && firstLate([ref.storage]).place > place + sooner) kept.add(ref.storage);
    const again = changed(
      step,
      step.inputs,
      step.outputs.map((ref) => build.renewed(ref)),
    );
    const instead = new Map(large.map((ref) => [ref.storage, at(again.outputs, step.outputs.indexOf(ref)).storage]));
    const views = new Map<Ref, Ref>();
    const moved = (ref: Ref | null): Ref | null => {
      const storage = ref && instead.get(ref.storage);
      if (!storage) return ref;
      const view = views.get(ref) ?? build.renewed(ref, storage);
      views.set(ref, view);
      return view;
    };
    for (const item of late) item.step = changed(item.step, item.step.inputs.map(moved), item.step.outputs);
    for (const { storage } of large) {
      readers.set(
        storage,
        (readers.get(storage) ?? []).filter((item) => !late.includes(item)),
      );
    }
    const item: Item = { step: again, place };
    reads(item);
    before.set(place, [item, ...(before.get(place) ?? [])]);
  }
  if (before.size === 0) return undefined;
  return items.flatMap((item) => [...(before.get(item.place) ?? []), item].map(({ step }) => step));
}
