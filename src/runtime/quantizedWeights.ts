/** Weights of 8 or 4 bits as programs read them: codes and scales apart, rounded as GGML's q8_0 and q4_0. */
import { codeBytes, codeOffset, quantizedBlock, type QuantizedType } from '../ir/ops/dequantize.ts';
import { formatShape, type Shape, sizeOf } from '../ir/types.ts';
import { floatOfHalf } from './half.ts';
import { quantizeFromF32 } from './quantize.ts';
import { blockBytesOf, bytesOf } from './storage.ts';

export interface QuantizedWeights {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
}

const storages = { int8: 'q8_0', int4: 'q4_0' } as const;

/** Names of what stands in a program for a quantised weight. */
export const quantizedNames = (weight: string): { readonly codes: string; readonly scales: string } => ({
  codes: `${weight} codes`,
  scales: `${weight} scales`,
});

/** Throws RangeError naming a weight that does not fill whole blocks. */
export function assertQuantizable(name: string, shape: Shape): void {
  if (sizeOf(shape) % quantizedBlock !== 0)
    throw new RangeError(
      `Expected a multiple of ${quantizedBlock} weights to quantise but found ${formatShape(shape)} at ${name}`,
    );
}

/** Rounds values as `quantizeFromF32` does. */
export function quantized(type: QuantizedType, values: Float32Array): QuantizedWeights {
  const storage = storages[type];
  const bytes = new Uint8Array(bytesOf(storage, values.length));
  quantizeFromF32(storage, values, bytes);
  const [size, own] = [blockBytesOf(storage), codeBytes[type]];
  const blocks = values.length / quantizedBlock;
  const codes = new Uint8Array(new ArrayBuffer(blocks * own));
  const scales = new Float32Array(new ArrayBuffer(4 * blocks));
  for (let block = 0; block < blocks; block++) {
    const [from, to] = [block * size, block * own];
    scales[block] = floatOfHalf[(bytes[from] as number) | ((bytes[from + 1] as number) << 8)] as number;
    // GGML's bytes are signed.
    const sign = type === 'int8' ? codeOffset.int8 : 0;
    for (let i = 0; i < own; i++) codes[to + i] = (bytes[from + 2 + i] as number) ^ sign;
  }
  return { codes, scales };
}

/** The values that programs compute with, rounded as their f32 product is. */
export function widened(type: QuantizedType, { codes, scales }: QuantizedWeights): Float32Array {
  const values = new Float32Array(new ArrayBuffer(4 * Math.max(1, scales.length * quantizedBlock)));
  for (let block = 0; block < scales.length; block++) {
    const d = scales[block] as number;
    const [from, to] = [block * codeBytes[type], block * quantizedBlock];
    if (type === 'int8') for (let i = 0; i < 32; i++) values[to + i] = d * ((codes[from + i] as number) - 128);
    else
      for (let i = 0; i < 16; i++) {
        const pair = codes[from + i] as number;
        values[to + i] = d * ((pair & 15) - 8);
        values[to + 16 + i] = d * ((pair >> 4) - 8);
      }
  }
  return values;
}
