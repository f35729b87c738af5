import { sizeOf } from '../ir/types.ts';
import type { OnnxTensor } from '../runtime/onnx/encode.ts';
import { type BlockStorage, quantizeFromF32 } from '../runtime/quantize.ts';
import { blockBytesOf, blockElementsOf, narrowFromF32, widenToF32 } from '../runtime/storage.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';

async function valuesOf(source: TensorSource): Promise<Float32Array<ArrayBuffer>> {
  const values = new Float32Array(sizeOf(source.shape));
  await source.readF32(values);
  return values;
}

/** A weight in f32. */
export async function f32Initializer(source: TensorSource, name = source.name): Promise<OnnxTensor> {
  return { name, dtype: 'f32', shape: source.shape, data: await valuesOf(source) };
}

/** A weight rounded to f16. */
export async function f16Initializer(source: TensorSource, name = source.name): Promise<OnnxTensor> {
  const values = await valuesOf(source);
  const bytes = new Uint8Array(2 * values.length);
  narrowFromF32('f16', values, bytes);
  return { name, dtype: 'f16', shape: source.shape, data: new Uint16Array(bytes.buffer) };
}

export interface BlockInitializers {
  readonly weight: OnnxTensor;
  readonly scales: OnnxTensor;
}

/**
 * A matrix [N, K] in blocks of 32 for MatMulNBits: w = (q - 2^(bits-1)) · scale, unsigned q, two 4-bit ones to a byte, the
 * first in the low half; the rounding is GGML's.
 */
export async function blockInitializers(source: TensorSource, storage: BlockStorage): Promise<BlockInitializers> {
  const values = await valuesOf(source);
  const [rows = 1, width = 1] = source.shape;
  const elements = blockElementsOf(storage);
  const count = values.length / elements;
  const blockBytes = blockBytesOf(storage);
  const stored = new Uint8Array(count * blockBytes);
  quantizeFromF32(storage, values, stored);
  const payload = blockBytes - 2;
  const packed = new Uint8Array(count * payload);
  const scales = new Float32Array(count);
  const scale = new Float32Array(1);
  for (let block = 0; block < count; block++) {
    const at = block * blockBytes;
    widenToF32('f16', stored.slice(at, at + 2), scale);
    scales[block] = scale[0] ?? 0;
    const levels = stored.subarray(at + 2, at + blockBytes);
    const to = block * payload;
    if (storage === 'q8_0') for (let i = 0; i < payload; i++) packed[to + i] = ((levels[i] ?? 0) + 128) & 255;
    else {
      // GGML pairs element i with i + 16, MatMulNBits with i + 1.
      const level = (i: number): number => (i < 16 ? (levels[i] ?? 0) & 15 : (levels[i - 16] ?? 0) >> 4);
      for (let i = 0; i < payload; i++) packed[to + i] = level(2 * i) | (level(2 * i + 1) << 4);
    }
  }
  const blocks = width / elements;
  return {
    weight: { name: `${source.name} blocks`, dtype: 'u8', shape: [rows, blocks, payload], data: packed },
    scales: { name: `${source.name} scales`, dtype: 'f32', shape: [rows * blocks], data: scales },
  };
}
