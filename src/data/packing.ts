/** Best-fit decreasing packing (Ding et al. 2024, "Fewer Truncations Improve Language Modeling"), with TRL's tie-breaks. */

/**
 * Bins of at most `capacity` tokens: lists of positions in `lengths`, each longest first. Longest sequences are placed first, each into the
 * bin with the least room that fits, the one longest at that room. Throws RangeError for a length of 0 or past the capacity.
 */
export function packBestFit(lengths: readonly number[], capacity: number): number[][] {
  const order = lengths.map((_length, i) => i).sort((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0) || a - b);
  const bins: number[][] = [];
  // bins by the room they have left, first come first served
  const byRoom = new Map<number, { bins: number[]; next: number }>();
  const rooms = maxTree(capacity);
  for (const i of order) {
    const length = lengths[i] ?? 0;
    if (!Number.isInteger(length) || length < 1 || length > capacity) {
      throw new RangeError(`Expected a length from 1 to ${capacity} but found ${length} at ${i}`);
    }
    let room = rooms.atLeast(length);
    let bin: number;
    const queue = room === undefined ? undefined : byRoom.get(room);
    if (room === undefined || queue === undefined) {
      room = capacity;
      bin = bins.push([]) - 1;
    } else {
      bin = queue.bins[queue.next++] ?? 0;
      if (queue.next === queue.bins.length) {
        byRoom.delete(room);
        rooms.set(room, false);
      }
    }
    bins[bin]?.push(i);
    const left = room - length;
    if (left > 0) {
      const waiting = byRoom.get(left) ?? { bins: [], next: 0 };
      waiting.bins.push(bin);
      byRoom.set(left, waiting);
      rooms.set(left, true);
    }
  }
  return bins;
}

/** A set of integers in [1, max] that finds the least member at or above a value in O(log max). */
function maxTree(max: number): {
  set: (value: number, present: boolean) => void;
  atLeast: (value: number) => number | undefined;
} {
  let leaves = 1;
  while (leaves < max + 1) leaves *= 2;
  const largest = new Int32Array(2 * leaves);
  return {
    set(value, present) {
      let node = leaves + value;
      largest[node] = present ? value : 0;
      for (node >>= 1; node >= 1; node >>= 1)
        largest[node] = Math.max(largest[2 * node] ?? 0, largest[2 * node + 1] ?? 0);
    },
    atLeast(value) {
      if ((largest[1] ?? 0) < value) return undefined;
      let node = 1;
      while (node < leaves) node = (largest[2 * node] ?? 0) >= value ? 2 * node : 2 * node + 1;
      return largest[node];
    },
  };
}
