/**
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): 128 random bits from a 128-bit
 * counter and a 64-bit key. No state: any element can be made again, in any order, on any engine.
 */
export type Counter = readonly [number, number, number, number];

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High 32 bits of an unsigned 32 x 32 product. */
function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const low = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + Math.floor(middle / 65536) + Math.floor(low / 65536)) >>> 0;
}

/** Writes four u32 of the block (c0, c1, c2, c3) under the key into `out` at `offset`. */
export function philox(
  out: Uint32Array,
  offset: number,
  key0: number,
  key1: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
): void {
  let [x0, x1, x2, x3, k0, k1] = [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0, key0 >>> 0, key1 >>> 0];
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(M0, x0);
    const low0 = Math.imul(M0, x0) >>> 0;
    const high1 = mulHigh(M1, x2);
    const low1 = Math.imul(M1, x2) >>> 0;
    x0 = (high1 ^ x1 ^ k0) >>> 0;
    x1 = low1;
    x2 = (high0 ^ x3 ^ k1) >>> 0;
    x3 = low0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  out[offset] = x0;
  out[offset + 1] = x1;
  out[offset + 2] = x2;
  out[offset + 3] = x3;
}

/** A 64-bit key. */
export type RandomKey = readonly [number, number];

/** 32-bit hash of a name (FNV-1a with a final mix), for keys and streams. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The key of (seed, name, step): seed below 2^53. */
export function randomKey(seed: number, name: string, step = 0): RandomKey {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`Expected a seed in [0, 2^53) but found ${seed}`);
  const block = new Uint32Array(4);
  philox(
    block,
    0,
    seed >>> 0,
    Math.floor(seed / 4294967296),
    hashName(name),
    step >>> 0,
    Math.floor(step / 4294967296),
    0x6b657973,
  );
  return [block[0] as number, block[1] as number];
}

/** Uniform in [0, 1) from 24 bits: exact in f32. */
export const uniformOf = (bits: number): number => (bits >>> 8) / 16777216;

/** Fills `out` with uniforms in [0, 1); element i is a function of the key and i alone. */
export function fillUniform(out: Float32Array, key: RandomKey, start = 0): void {
  const block = new Uint32Array(4);
  let filled = -1;
  for (let i = 0; i < out.length; i++) {
    const element = start + i;
    const at = Math.floor(element / 4);
    if (at !== filled) {
      philox(block, 0, key[0], key[1], at >>> 0, Math.floor(at / 4294967296), 0, 0x756e6966);
      filled = at;
    }
    out[i] = uniformOf(block[element % 4] as number);
  }
}

/** Fills `out` with standard normals by the Box-Muller transform, in pairs; element i is a function of the key and i alone. */
export function fillNormal(out: Float32Array, key: RandomKey, start = 0): void {
  const block = new Uint32Array(4);
  const end = start + out.length;
  // A block makes four elements; of the first and the last one some may lie outside.
  for (let at = Math.floor(start / 4); 4 * at < end; at++) {
    philox(block, 0, key[0], key[1], at >>> 0, Math.floor(at / 4294967296), 0, 0x6e6f726d);
    for (let pair = 0; pair < 4; pair += 2) {
      const radius = Math.sqrt(-2 * Math.log(((block[pair] as number) + 1) / 4294967296));
      const angle = 2 * Math.PI * ((block[pair + 1] as number) / 4294967296);
      const element = 4 * at + pair - start;
      if (element >= 0 && element < out.length) out[element] = radius * Math.cos(angle);
      if (element + 1 >= 0 && element + 1 < out.length) out[element + 1] = radius * Math.sin(angle);
    }
  }
}

/** A permutation of [0, n) (Fisher-Yates), a function of the key alone. */
export function permutation(n: number, key: RandomKey): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  const block = new Uint32Array(4);
  for (let i = n - 1; i > 0; i--) {
    philox(block, 0, key[0], key[1], i, 0, 0, 0x7065726d);
    // 64 bits over a range below 2^32: the bias is under 2^-32.
    const j = Number(((BigInt(block[0] as number) << 32n) | BigInt(block[1] as number)) % BigInt(i + 1));
    const swapped = order[i] as number;
    order[i] = order[j] as number;
    order[j] = swapped;
  }
  return order;
}
