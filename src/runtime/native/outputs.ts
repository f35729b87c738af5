import { at } from '../../ir/graph.ts';
import { sizeOf } from '../../ir/types.ts';
import { bytesOfRef, elementBytes, type Ref, type Storage } from './ref.ts';
import type { KernelStep, PlannedStep } from './step.ts';

/** An output of the program: what it is, and the memory that it goes to. */
export interface Target {
  readonly name: string;
  readonly ref: Ref;
  /** Its own place among leaves and outputs. */
  readonly place: number;
  /** The leaf that it is written over, if any. */
  readonly over: number | undefined;
}

/** Whether the ref is all of its storage. */
const isWhole = (ref: Ref): boolean =>
  ref.storage.kind === 'arena' && ref.offset === 0 && ref.storage.bytes === bytesOfRef(ref);

/**
 * Whether a step may write over a leaf: no later step reads the leaf, and the step itself reads it only element by
 * element, or says that its kernel can.
 */
function mayOverwrite(steps: readonly PlannedStep[], storage: Storage, leaf: number): boolean {
  const readsLeaf = (ref: Ref | null): boolean => ref?.storage.kind === 'leaf' && ref.storage.leaf === leaf;
  const writer = steps.findIndex(({ outputs }) => outputs.some((output) => output.storage === storage));
  const step = steps[writer];
  if (!step || steps.slice(writer + 1).some(({ inputs }) => inputs.some(readsLeaf))) return false;
  const own = step.inputs.flatMap((ref, index) => (ref && readsLeaf(ref) ? [{ ref, index }] : []));
  if (step.kind === 'chain') {
    return own.every(({ ref }) => ref.offset === 0 && sizeOf(ref.type.shape) === sizeOf(step.shape));
  }
  const output = step.outputs.findIndex((candidate) => candidate.storage === storage);
  return own.every(({ index }) => step.inPlace[output] === index);
}

/** Copies a ref as it lies. */
function copyStep(from: Ref, to: Ref): KernelStep {
  const count = sizeOf(from.type.shape);
  const [input, step] = from.uniform ? [from, 0] : [from, 1];
  return {
    kind: 'kernel',
    kernel: 'copy',
    origin: 'copy of an output',
    inputs: [input],
    outputs: [to],
    optional: [],
    narrow: [],
    inPlace: {},
    ints: [elementBytes(from.type.dtype), 0, 0, 1, count, step, 1],
    floats: [],
  };
}

/**
 * Sends outputs to their memory: a value is computed there where nothing forbids it, else copied after the last step.
 * Copies over leaves come last of all, and what they take from leaves is set aside first.
 */
export function placeOutputs(
  steps: readonly PlannedStep[],
  targets: readonly Target[],
): { steps: PlannedStep[]; placed: ReadonlyMap<Storage, number> } {
  const placed = new Map<Storage, number>();
  const copies: KernelStep[] = [];
  const asides: KernelStep[] = [];
  const overwrites: KernelStep[] = [];
  let fresh = -1;
  const place = (ref: Ref, leaf: number): Ref => ({
    ...ref,
    id: fresh,
    offset: 0,
    uniform: false,
    after: [],
    storage: { kind: 'leaf', id: fresh--, leaf },
  });
  // Copies read leaves too: they stand behind the steps while it is decided what may be written over.
  const reading: PlannedStep[] = [...steps];
  const later: Target[] = [];
  for (const target of targets) {
    const { ref, over } = target;
    if (over !== undefined) later.push(target);
    else if (
      isWhole(ref) &&
      !placed.has(ref.storage) &&
      !targets.some((other) => other.over !== undefined && other.ref.storage === ref.storage)
    )
      placed.set(ref.storage, target.place);
    else {
      const copy = copyStep(ref, place(ref, target.place));
      copies.push(copy);
      reading.push(copy);
    }
  }
  const pending = later.filter(({ ref }) => !isWhole(ref));
  for (const { ref } of pending) {
    const aside: Ref = {
      ...ref,
      id: fresh,
      offset: 0,
      uniform: false,
      after: [],
      storage: { kind: 'arena', id: fresh--, bytes: bytesOfRef(ref) },
    };
    const step = copyStep(ref, aside);
    asides.push(step);
    reading.push(step);
  }
  for (const { ref, over } of later) {
    if (over === undefined) continue;
    const index = pending.findIndex((target) => target.ref === ref && target.over === over);
    if (index >= 0) overwrites.push(copyStep(at(at(asides, index).outputs, 0), place(ref, over)));
    else if (!placed.has(ref.storage) && mayOverwrite(reading, ref.storage, over)) placed.set(ref.storage, over);
    else overwrites.push(copyStep(ref, place(ref, over)));
  }
  return { steps: [...steps, ...copies, ...asides, ...overwrites], placed };
}
