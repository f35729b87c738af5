import { sizeOf } from '../ir/types.ts';
import { bytesOf } from './storage.ts';
import { f32Pieces, type TensorSource } from './tensor-source.ts';

const wrong = (name: string, kind: string, found: number | undefined, at: number): RangeError =>
  new RangeError(`Expected finite weights${kind} but found ${found} in ${name} at element ${at}`);

/** Throws RangeError naming the tensor when a value is NaN or infinite; `start` is the place of the first value in it. */
export function assertFinite(name: string, values: Float32Array, start = 0): void {
  // By bits and by index: several times as fast as arithmetic, and fifteen times as fast as an iterator.
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++)
    if (((bits[i] ?? 0) & 0x7f800000) === 0x7f800000) throw wrong(name, '', values[i], start + i);
}

const pieceSize = 2 ** 22;

const breath = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** `assertFinite` piece by piece, letting timers and input through between them. */
async function checkFinite(name: string, values: Float32Array): Promise<void> {
  for (let start = 0; start < values.length; start += pieceSize) {
    assertFinite(name, values.subarray(start, start + pieceSize), start);
    if (start + pieceSize < values.length) await breath();
  }
}

/** A stored tensor in f32. Throws RangeError naming it when a value is NaN or infinite. */
export async function readF32(source: TensorSource): Promise<Float32Array> {
  const count = sizeOf(source.shape);
  const values = new Float32Array(new ArrayBuffer(4 * Math.max(1, count)), 0, count);
  await source.readF32(values);
  await checkFinite(source.name, values);
  return values;
}

/** In bf16 this rounds to infinity, by the bits of f32 without sign: so does what is more, and NaN is more. */
const tooLarge = 0x7f7f8000;

/** f32 to bf16, to nearest even; the place of the first value that is not finite then, or -1. In one pass, for it is most of what starting takes. */
function roundBf16(values: Float32Array, to: Uint16Array): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const value = bits[i] ?? 0;
    if ((value & 0x7fffffff) >= tooLarge) return i;
    to[i] = (value + 0x7fff + ((value >>> 16) & 1)) >>> 16;
  }
  return -1;
}

/** bf16 as it is stored. */
async function copyBf16(source: TensorSource, to: Uint16Array): Promise<void> {
  await source.read(new Uint8Array(to.buffer, to.byteOffset, to.byteLength));
  for (let start = 0; start < to.length; start += pieceSize) {
    const piece = to.subarray(start, start + pieceSize);
    for (let i = 0; i < piece.length; i++)
      if (((piece[i] ?? 0) & 0x7f80) === 0x7f80) {
        const [value] = new Float32Array(Uint32Array.of((piece[i] ?? 0) << 16).buffer);
        throw wrong(source.name, ' in bf16', value, start + i);
      }
    if (start + pieceSize < to.length) await breath();
  }
}

/** A stored tensor rounded to bf16: the upper halves of f32. Throws RangeError naming it when a value is NaN, infinite or becomes so. */
export async function readBf16(source: TensorSource): Promise<Uint16Array> {
  const count = sizeOf(source.shape);
  const halves = new Uint16Array(new ArrayBuffer(Math.max(2, bytesOf('bf16', count))), 0, count);
  if (source.storage === 'bf16') {
    await copyBf16(source, halves);
    return halves;
  }
  let start = 0;
  let paused = 0;
  for await (const values of f32Pieces(source)) {
    const at = roundBf16(values, halves.subarray(start, start + values.length));
    if (at >= 0) throw wrong(source.name, ' in bf16', values[at], start + at);
    start += values.length;
    if (start - paused < pieceSize) continue;
    paused = start;
    await breath();
  }
  return halves;
}
