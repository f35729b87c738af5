import { readFile } from 'node:fs/promises';
import { allocate, openOnnxRuntime, type OrtTensor } from './ort-api.ts';
import type { OnnxElementType } from '../onnx/dtypes.ts';

/** Sizes of the caches of an exported decoder. */
export interface DecoderShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headWidth: number;
  readonly vocabSize: number;
}

export interface OnnxDecoder {
  /** Logits [T, V] of one sequence; `split` tokens go first and the rest follows over the cache that they leave. */
  logits(ids: readonly number[], split?: number): Promise<Float32Array>;
  close(): void;
}

/** Opens a decoder of the kind that transformers.js loads (input_ids, attention_mask, position_ids, past_key_values) in ONNX Runtime. */
export async function openOnnxDecoder(
  path: string,
  { layers, kvHeads, headWidth, vocabSize }: DecoderShape,
  options: { readonly threads: number },
): Promise<OnnxDecoder> {
  const runtime = openOnnxRuntime({ threads: options.threads });
  const session = runtime.createSession(await readFile(path));
  const caches = Array.from({ length: layers }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat();

  /** One run: tokens of a sequence after the `past` ones that the caches hold. */
  async function step(ids: readonly number[], past: number, held: ReadonlyMap<string, Float32Array>) {
    const total = past + ids.length;
    const made: OrtTensor[] = [];
    const tensor = (dtype: OnnxElementType, shape: readonly number[], data: OrtTensor['data']): OrtTensor => {
      const one = runtime.tensor(dtype, shape, data);
      made.push(one);
      return one;
    };
    const integers = (values: readonly number[]): OrtTensor => {
      const data = allocate('i64', values.length);
      values.forEach((value, i) => (data[i] = BigInt(value)));
      return tensor('i64', [1, values.length], data);
    };
    const cache = (length: number, data?: Float32Array): OrtTensor => {
      const count = kvHeads * length * headWidth;
      return tensor('f32', [1, kvHeads, length, headWidth], data ?? allocate('f32', count));
    };
    try {
      const inputs = {
        input_ids: integers(ids),
        attention_mask: integers(Array.from({ length: total }, () => 1)),
        position_ids: integers(ids.map((_, i) => past + i)),
        ...Object.fromEntries(caches.map((name) => [`past_key_values.${name}`, cache(past, held.get(name))])),
      };
      const logits = tensor('f32', [1, ids.length, vocabSize], allocate('f32', ids.length * vocabSize));
      const present = caches.map((name) => [name, cache(total)] as const);
      const outputs = { logits, ...Object.fromEntries(present.map(([name, one]) => [`present.${name}`, one])) };
      await session.run(inputs, outputs);
      return {
        logits: logits.data as Float32Array,
        held: new Map(present.map(([name, one]) => [name, one.data as Float32Array])),
      };
    } finally {
      for (const one of made) one.release();
    }
  }

  return {
    logits: async (ids, split = ids.length) => {
      const all = new Float32Array(ids.length * vocabSize);
      const first = await step(ids.slice(0, split), 0, new Map());
      all.set(first.logits);
      if (split < ids.length) all.set((await step(ids.slice(split), split, first.held)).logits, split * vocabSize);
      return all;
    },
    close: () => runtime.close(),
  };
}
