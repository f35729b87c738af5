import { sizeOf } from '../ir/types.ts';
import { bytesOf, narrowFromF32 } from './storage.ts';
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

/** A stored tensor rounded to bf16: the upper halves of f32. Throws RangeError naming it when a value is NaN, infinite or becomes so. */
export async function readBf16(source: TensorSource): Promise<Uint16Array> {
  const count = sizeOf(source.shape);
  const halves = new Uint16Array(new ArrayBuffer(Math.max(2, bytesOf('bf16', count))), 0, count);
  let start = 0;
  let paused = 0;
  for await (const values of f32Pieces(source)) {
    const part = halves.subarray(start, start + values.length);
    narrowFromF32('bf16', values, new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    for (let i = 0; i < part.length; i++)
      if (((part[i] ?? 0) & 0x7f80) === 0x7f80) throw wrong(source.name, ' in bf16', values[i], start + i);
    start += values.length;
    if (start - paused < pieceSize) continue;
    paused = start;
    await breath();
  }
  return halves;
}
