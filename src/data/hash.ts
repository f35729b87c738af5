/** 64 bits as two words. Among n different keys two are alike with a probability of n² / 2^65. */
export type Hash64 = readonly [high: number, low: number];

/** A hash of numbers below 2^32 (two multiply-xor lanes with murmur3's finish): fast and well mixed, no defence against an adversary. */
export function hash64(count: number, wordAt: (i: number) => number): Hash64 {
  let a = 0xdeadbeef ^ count;
  let b = 0x41c6ce57;
  for (let i = 0; i < count; i++) {
    const word = wordAt(i);
    a = Math.imul(a ^ word, 0x9e3779b1);
    b = Math.imul(b ^ word, 0x5f356495);
    a ^= a >>> 15;
    b ^= b >>> 13;
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return [a >>> 0, b >>> 0];
}

/** A hash of a text's UTF-16 units. */
export const hashText = (text: string): Hash64 => hash64(text.length, (i) => text.charCodeAt(i));

/** First numbers by hash: at most 32 bytes each, where a Map of texts would take hundreds. */
export interface HashIndex {
  /** The number that the hash was first added with, or -1. */
  readonly find: (hash: Hash64) => number;
  /** The same, and adds the hash with its number where it was not there. */
  readonly add: (hash: Hash64, number: number) => number;
}

export function hashIndex(): HashIndex {
  let size = 1024;
  let count = 0;
  // High word, low word, number + 1: 0 is an empty place.
  let table = new Uint32Array(3 * size);
  const placeOf = ([high, low]: Hash64): number => {
    let place = (low ^ high) & (size - 1);
    while (table[3 * place + 2] !== 0 && (table[3 * place] !== high || table[3 * place + 1] !== low))
      place = (place + 1) & (size - 1);
    return 3 * place;
  };
  const grow = (): void => {
    const old = table;
    size *= 2;
    table = new Uint32Array(3 * size);
    for (let at = 0; at < old.length; at += 3)
      if (old[at + 2] !== 0) table.set(old.subarray(at, at + 3), placeOf([old[at] ?? 0, old[at + 1] ?? 0]));
  };
  return {
    find: (hash) => (table[placeOf(hash) + 2] ?? 0) - 1,
    add(hash, number) {
      const place = placeOf(hash);
      const known = (table[place + 2] ?? 0) - 1;
      if (known >= 0) return known;
      table.set([hash[0], hash[1], number + 1], place);
      if (++count * 2 > size) grow();
      return -1;
    },
  };
}
