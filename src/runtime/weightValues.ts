import { sizeOf } from '../ir/types.ts';
import { bytesOf } from './storage.ts';
import { f32Pieces, type TensorSource } from './tensor-source.ts';
import { firstNotFinite, type WeightScans } from './weightScans.ts';

const wrong = (name: string, kind: string, found: number | undefined, at: number): RangeError =>
  new RangeError(`Expected finite weights${kind} but found ${found} in ${name} at element ${at}`);

/** Throws RangeError naming the tensor when a value is NaN or infinite. */
export function assertFinite(name: string, values: Float32Array): void {
  const at = firstNotFinite(values);
  if (at >= 0) throw wrong(name, '', values[at], at);
}

/** A stored tensor in f32. Throws RangeError naming it when a value is NaN or infinite. */
export async function readF32(source: TensorSource, scans: WeightScans): Promise<Float32Array> {
  const count = sizeOf(source.shape);
  const values = new Float32Array(new ArrayBuffer(4 * Math.max(1, count)), 0, count);
  await source.readF32(values);
  const at = await scans.f32(values);
  if (at >= 0) throw wrong(source.name, '', values[at], at);
  return values;
}

/** A stored tensor rounded to bf16: the upper halves of f32. Throws RangeError naming it when a value is NaN, infinite or becomes so. */
export async function readBf16(source: TensorSource, scans: WeightScans): Promise<Uint16Array> {
  const count = sizeOf(source.shape);
  const halves = new Uint16Array(new ArrayBuffer(Math.max(2, bytesOf('bf16', count))), 0, count);
  if (source.storage === 'bf16') {
    await source.read(new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength));
    const at = await scans.bf16(halves);
    const [value] = new Float32Array(Uint32Array.of((halves[at] ?? 0) << 16).buffer);
    if (at >= 0) throw wrong(source.name, ' in bf16', value, at);
    return halves;
  }
  let start = 0;
  for await (const values of f32Pieces(source)) {
    const at = await scans.round(values, halves.subarray(start, start + values.length));
    if (at >= 0) throw wrong(source.name, ' in bf16', values[at], start + at);
    start += values.length;
  }
  return halves;
}
