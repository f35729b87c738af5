import { blockElementsOf, bytesOf, narrowFromF32 } from './storage.ts';

/** Block types that weights can be rounded to. */
export const blockStorages = ['q8_0', 'q4_0'] as const;
export type BlockStorage = (typeof blockStorages)[number];

const f16Bytes = new Uint8Array(2);
const scaleValue = new Float32Array(1);

function writeScale(scale: number, out: Uint8Array, at: number): void {
  scaleValue[0] = scale;
  narrowFromF32('f16', scaleValue, f16Bytes);
  out.set(f16Bytes, at);
}

const inverse = (scale: number): number => (scale === 0 ? 0 : Math.fround(1 / scale));

/** Half away from zero, as C's roundf. */
const roundHalfAway = (x: number): number => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

/** d = max|x| / 127, q = round(x / d). */
function q8(values: Float32Array, from: number, out: Uint8Array, at: number): void {
  let most = 0;
  for (let i = 0; i < 32; i++) most = Math.max(most, Math.abs(values[from + i] ?? 0));
  const scale = Math.fround(most / 127);
  const factor = inverse(scale);
  writeScale(scale, out, at);
  for (let i = 0; i < 32; i++) out[at + 2 + i] = roundHalfAway(Math.fround((values[from + i] ?? 0) * factor));
}

/** d = x* / -8 with x* of the largest magnitude, q = ⌊x / d + 8.5⌋ within 0…15; elements 0…15 are the low nibbles. */
function q4(values: Float32Array, from: number, out: Uint8Array, at: number): void {
  let extreme = values[from] ?? 0;
  for (let i = 1; i < 32; i++) {
    const value = values[from + i] ?? 0;
    if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  }
  const scale = Math.fround(extreme / -8);
  const factor = inverse(scale);
  writeScale(scale, out, at);
  const level = (i: number): number => {
    const scaled = Math.fround(Math.fround((values[from + i] ?? 0) * factor) + 8.5);
    return Math.min(15, Math.max(0, Math.trunc(scaled)));
  };
  for (let i = 0; i < 16; i++) out[at + 2 + i] = level(i) | (level(i + 16) << 4);
}

/**
 * Rounds f32 values to GGML's blocks of 32: q8_0 and q4_0, bit for bit as the gguf package does. RangeError unless the
 * values are whole blocks and `out` holds just their bytes.
 */
export function quantizeFromF32(storage: BlockStorage, values: Float32Array, out: Uint8Array): void {
  const size = bytesOf(storage, values.length);
  if (out.byteLength !== size) throw new RangeError(`Expected room for ${size} bytes but found ${out.byteLength}`);
  const elements = blockElementsOf(storage);
  const blockBytes = bytesOf(storage, elements);
  const block = { q8_0: q8, q4_0: q4 }[storage];
  for (let i = 0; i * elements < values.length; i++) block(values, i * elements, out, i * blockBytes);
}
