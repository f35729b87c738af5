import { at } from '../../ir/graph.ts';
import type { Storage } from './ref.ts';
import type { PlannedStep } from './step.ts';

const storagesOf = ({ inputs }: PlannedStep): Set<Storage> =>
  new Set(inputs.flatMap((ref) => (ref ? [ref.storage] : [])));

/** What must be computed before a step: what it reads, and what its operands wait for. */
const awaited = ({ inputs }: PlannedStep): Set<Storage> =>
  new Set(inputs.flatMap((ref) => (ref ? [ref.storage, ...ref.after] : [])));

/**
 * The steps in an order that keeps little alive: a step that frees at least as much as it needs runs as soon as it can,
 * the others in the order given.
 */
export function schedule(steps: readonly PlannedStep[], outputs: ReadonlySet<Storage>): PlannedStep[] {
  const writer = new Map<Storage, number>();
  steps.forEach((step, index) => step.outputs.forEach(({ storage }) => writer.set(storage, index)));
  const reads = steps.map(storagesOf);
  const left = new Map<Storage, number>();
  for (const storage of reads.flatMap((set) => [...set])) left.set(storage, (left.get(storage) ?? 0) + 1);
  const waiting = steps.map((step, index) => {
    const before = new Set([...awaited(step)].flatMap((storage) => writer.get(storage) ?? []));
    before.delete(index);
    return before;
  });
  const followers = steps.map((): number[] => []);
  waiting.forEach((before, index) => {
    for (const source of before) at(followers, source).push(index);
  });
  const readersOf = new Map<Storage, number[]>();
  reads.forEach((set, index) => {
    for (const storage of set) readersOf.set(storage, [...(readersOf.get(storage) ?? []), index]);
  });

  const done = new Set<number>();
  const order: PlannedStep[] = [];
  const size = (storage: Storage): number => (storage.kind === 'arena' && !outputs.has(storage) ? storage.bytes : 0);
  /** Bytes that the arena grows by when the step runs now. */
  const growth = (index: number): number => {
    let bytes = 0;
    for (const { storage } of at(steps, index).outputs) if ((left.get(storage) ?? 0) > 0) bytes += size(storage);
    for (const storage of at(reads, index)) if (left.get(storage) === 1) bytes -= size(storage);
    return bytes;
  };
  const run = (first: number): void => {
    const queue = [first];
    for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
      if (done.has(index)) continue;
      done.add(index);
      order.push(at(steps, index));
      const touched = new Set<number>();
      for (const storage of at(reads, index)) {
        left.set(storage, (left.get(storage) ?? 0) - 1);
        for (const other of readersOf.get(storage) ?? []) touched.add(other);
      }
      for (const follower of at(followers, index)) {
        at(waiting, follower).delete(index);
        touched.add(follower);
      }
      for (const other of touched)
        if (!done.has(other) && at(waiting, other).size === 0 && growth(other) <= 0) queue.push(other);
    }
  };
  for (let index = 0; index < steps.length; index++) if (!done.has(index)) run(index);
  return order;
}
