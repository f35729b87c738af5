import { at } from '../../ir/graph.ts';
import type { Storage } from './ref.ts';
import type { PlannedStep } from './step.ts';

const alignment = 64;
const aligned = (bytes: number): number => Math.max(alignment, Math.ceil(bytes / alignment) * alignment);

export interface Arena {
  readonly offsets: ReadonlyMap<Storage, number>;
  readonly bytes: number;
}

interface Hole {
  start: number;
  end: number;
}

/**
 * Places for values that live in the arena, from their writer to their last reader; each goes into the smallest hole that
 * takes it. `elsewhere` are those that lie in a leaf's memory.
 */
export function planArena(order: readonly PlannedStep[], elsewhere: ReadonlySet<Storage>): Arena {
  const lastUse = new Map<Storage, number>();
  order.forEach((step, index) => {
    for (const ref of [...step.inputs, ...step.outputs]) if (ref) lastUse.set(ref.storage, index);
  });
  const endings = order.map((): Storage[] => []);
  for (const [storage, index] of lastUse) at(endings, index).push(storage);
  const offsets = new Map<Storage, number>();
  let holes: Hole[] = [];
  let bytes = 0;

  const place = (size: number): number => {
    let best: Hole | undefined;
    for (const hole of holes) {
      const fits = hole.end - hole.start >= size;
      if (fits && (!best || hole.end - hole.start < best.end - best.start)) best = hole;
    }
    const start = best?.start ?? (holes.at(-1)?.end === bytes ? (holes.pop()?.start ?? bytes) : bytes);
    if (best) {
      best.start += size;
      holes = holes.filter((hole) => hole.start < hole.end);
    } else bytes = start + size;
    return start;
  };
  const free = (start: number, end: number): void => {
    const next = holes.findIndex((hole) => hole.start >= end);
    const index = next < 0 ? holes.length : next;
    holes.splice(index, 0, { start, end });
    const merged: Hole[] = [];
    for (const hole of holes) {
      const last = merged.at(-1);
      if (last && last.end === hole.start) last.end = hole.end;
      else merged.push({ ...hole });
    }
    holes = merged;
  };
  order.forEach((step, index) => {
    for (const { storage } of step.outputs) {
      if (storage.kind !== 'arena' || offsets.has(storage) || elsewhere.has(storage)) continue;
      offsets.set(storage, place(aligned(storage.bytes)));
    }
    for (const storage of at(endings, index)) {
      const start = offsets.get(storage);
      if (start !== undefined && storage.kind === 'arena') free(start, start + aligned(storage.bytes));
    }
  });
  return { offsets, bytes };
}
