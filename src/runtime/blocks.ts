import { floatOfHalf } from './half.ts';

/** Layouts of GGML's block types: q8_0 to q4_1 of 32 elements, the K types of 256 in parts with scales of their own. */
export const blockTypes = {
  q8_0: { blockElements: 32, blockBytes: 34 },
  q4_0: { blockElements: 32, blockBytes: 18 },
  q4_1: { blockElements: 32, blockBytes: 20 },
  q5_0: { blockElements: 32, blockBytes: 22 },
  q5_1: { blockElements: 32, blockBytes: 24 },
  q4_k: { blockElements: 256, blockBytes: 144 },
  q5_k: { blockElements: 256, blockBytes: 176 },
  q6_k: { blockElements: 256, blockBytes: 210 },
} as const;

export type BlockType = keyof typeof blockTypes;

// The indexing below is in bounds by widenToF32's check; `as number` is for the compiler alone. Sums and products are exact in
// f64 and rounded once, where they are stored.
const halfAt = (bytes: Uint8Array, at: number): number =>
  floatOfHalf[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;

/** y = d q. */
function widenQ8(bytes: Uint8Array, out: Float32Array): void {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0, to = 0; at < bytes.length; at += 34, to += 32) {
    const scale = halfAt(bytes, at);
    for (let i = 0; i < 32; i++) out[to + i] = (signed[at + 2 + i] as number) * scale;
  }
}

/** y = d (q - 8), with a minimum y = d q + m; elements 0…15 are the low nibbles, 16…31 the high ones. */
function widenQ4(bytes: Uint8Array, out: Float32Array, withMinimum: boolean): void {
  const head = withMinimum ? 4 : 2;
  const middle = withMinimum ? 0 : 8;
  for (let at = 0, to = 0; at < bytes.length; at += head + 16, to += 32) {
    const scale = halfAt(bytes, at);
    // Adding -0 keeps the sign of a zero, as the reference does.
    const minimum = withMinimum ? halfAt(bytes, at + 2) : -0;
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + head + i] as number;
      out[to + i] = ((pair & 15) - middle) * scale + minimum;
      out[to + 16 + i] = ((pair >> 4) - middle) * scale + minimum;
    }
  }
}

/** y = d (q - 16), with a minimum y = d q + m; the fifth bits of the 32 elements stand before the nibbles. */
function widenQ5(bytes: Uint8Array, out: Float32Array, withMinimum: boolean): void {
  const head = withMinimum ? 4 : 2;
  const middle = withMinimum ? 0 : 16;
  for (let at = 0, to = 0; at < bytes.length; at += head + 20, to += 32) {
    const scale = halfAt(bytes, at);
    const minimum = withMinimum ? halfAt(bytes, at + 2) : -0;
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + head + 4 + i] as number;
      const low = ((bytes[at + head + (i >> 3)] as number) >> (i & 7)) & 1;
      const high = ((bytes[at + head + 2 + (i >> 3)] as number) >> (i & 7)) & 1;
      out[to + i] = ((pair & 15) + 16 * low - middle) * scale + minimum;
      out[to + 16 + i] = ((pair >> 4) + 16 * high - middle) * scale + minimum;
    }
  }
}

/** Scale and minimum of the 8 parts of a K block, 6 bits each in 12 bytes. */
function partScale(bytes: Uint8Array, at: number, part: number): readonly [scale: number, minimum: number] {
  const low = bytes[at + (part & 3)] as number;
  const high = bytes[at + 4 + (part & 3)] as number;
  if (part < 4) return [low & 63, high & 63];
  const rest = bytes[at + 4 + part] as number;
  return [(rest & 15) | ((low >> 2) & 48), (rest >> 4) | ((high >> 2) & 48)];
}

/** y = d s q - m n in parts of 32; two parts share bytes, the earlier in the low nibbles; with a fifth bit, bit p of 32 bytes is part p's. */
function widenK45(bytes: Uint8Array, out: Float32Array, withFifth: boolean): void {
  const size = withFifth ? 176 : 144;
  for (let at = 0, to = 0; at < bytes.length; at += size, to += 256) {
    const [scale, minimum] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
    for (let part = 0; part < 8; part++) {
      const [s, n] = partScale(bytes, at + 4, part);
      const [factor, offset] = [scale * s, minimum * n];
      const nibbles = at + (withFifth ? 48 : 16) + 32 * (part >> 1);
      for (let i = 0; i < 32; i++) {
        const q = ((bytes[nibbles + i] as number) >> (4 * (part & 1))) & 15;
        const fifth = withFifth ? (((bytes[at + 16 + i] as number) >> part) & 1) * 16 : 0;
        out[to + 32 * part + i] = factor * (q + fifth) - offset;
      }
    }
  }
}

/** y = d s (q - 32) with a scale for 16 elements; per half of the block 64 bytes of low nibbles and 32 of two upper bits. */
function widenQ6K(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0, to = 0; at < bytes.length; at += 210, to += 256) {
    const scale = halfAt(bytes, at + 208);
    for (let i = 0; i < 256; i++) {
      const [half, part, within] = [i >> 7, (i >> 5) & 3, i & 31];
      const low = ((bytes[at + 64 * half + (i & 63)] as number) >> (4 * (part >> 1))) & 15;
      const high = ((bytes[at + 128 + 32 * half + within] as number) >> (2 * part)) & 3;
      const own = ((bytes[at + 192 + (i >> 4)] as number) << 24) >> 24;
      out[to + i] = scale * own * (low + 16 * high - 32);
    }
  }
}

const widenings: { readonly [T in BlockType]: (bytes: Uint8Array, out: Float32Array) => void } = {
  q8_0: widenQ8,
  q4_0: (bytes, out) => widenQ4(bytes, out, false),
  q4_1: (bytes, out) => widenQ4(bytes, out, true),
  q5_0: (bytes, out) => widenQ5(bytes, out, false),
  q5_1: (bytes, out) => widenQ5(bytes, out, true),
  q4_k: (bytes, out) => widenK45(bytes, out, false),
  q5_k: (bytes, out) => widenK45(bytes, out, true),
  q6_k: widenQ6K,
};

/** Widens whole blocks to f32, bit for bit as the gguf package does (gguf/quants.py). */
export function widenBlocks(type: BlockType, bytes: Uint8Array, out: Float32Array): void {
  widenings[type](bytes, out);
}
