import type { Lease } from './lease.ts';
import type { OrtFunctions } from './ort-functions.ts';
import { created } from './ort-functions.ts';

/** The shared arena in bytes and counts; tensors over the caller's memory are not in it. */
export interface ArenaMemory {
  readonly inUseBytes: number;
  readonly peakInUseBytes: number;
  /** What the arena holds from the system. */
  readonly reservedBytes: number;
  readonly allocations: number;
  readonly extensions: number;
}

/** Reads the arena that `session` allocates from. */
export function arenaMemory(ort: OrtFunctions, session: Lease, arena: Lease): ArenaMemory {
  const allocator = created(ort, (out) => ort.CreateAllocator(session.pointer, arena.pointer, out));
  try {
    const pairs = created(ort, (out) => ort.AllocatorGetStats(allocator, out));
    const read = (key: string): number => {
      const text = ort.GetKeyValue(pairs, key);
      if (text === null) throw new Error(`Expected the arena's ${key} from ONNX Runtime but found nothing`);
      return Number(text);
    };
    try {
      return {
        inUseBytes: read('InUse'),
        peakInUseBytes: read('MaxInUse'),
        reservedBytes: read('TotalAllocated'),
        allocations: read('NumAllocs'),
        extensions: read('NumArenaExtensions'),
      };
    } finally {
      ort.ReleaseKeyValuePairs(pairs);
    }
  } finally {
    ort.ReleaseAllocator(allocator);
  }
}
