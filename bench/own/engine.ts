import type { QuantizedType } from '../../src/ir/ops/dequantize.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { type NativeEngine, nativeEngine } from '../../src/runtime/node/native-engine.ts';
import { findNativeLibrary } from '../../src/runtime/node/native-library.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { count } from '../lib/options.ts';

/** Options of benches that choose an engine. */
export const engineOptions = {
  threads: { help: 'N', default: '2' },
  engine: { help: 'ort or native', default: 'native' },
  precision: { help: 'fp32 or bf16' },
  'instruction-set': { help: 'NAME, of the native engine' },
  profile: { help: 'PREFIX of ONNX Runtime traces, or anything to print the milliseconds of native kernels' },
} as const;

/** The engine that the options name, and its kernels' times where it is native. */
export async function openEngine(
  options: Readonly<Record<keyof typeof engineOptions, string | undefined>>,
): Promise<{ readonly engine: Engine; readonly native: NativeEngine | undefined }> {
  const { engine: name, precision, 'instruction-set': instructionSet, profile } = options;
  const threads = count('threads', options.threads);
  if (precision !== undefined && precision !== 'fp32' && precision !== 'bf16')
    throw new RangeError(`Expected --precision fp32 or bf16 but found ${precision}`);
  if (name === 'ort') {
    if (precision === 'bf16' || instructionSet !== undefined)
      throw new RangeError(
        'ONNX Runtime computes in fp32 by instructions of its own choice: expected neither bf16 nor a set',
      );
    return { engine: ortEngine({ threads, ...(profile === undefined ? {} : { profile }) }), native: undefined };
  }
  if (name !== 'native') throw new RangeError(`Expected --engine ort or native but found ${name}`);
  const library = await findNativeLibrary();
  const native = nativeEngine({
    library,
    threads,
    ...(precision === undefined ? {} : { precision }),
    ...(instructionSet === undefined ? {} : { instructionSet }),
  });
  return { engine: native, native };
}

/** The option of benches whose base may be held in fewer bits. */
export const quantizationOption = { quantization: { help: 'int8 or int4: the weights of linear layers' } } as const;

/** The option of benches that only compute, not train. */
export const quantizedOption = { quantized: { help: 'tables: embeddings and head too' } } as const;

/** RangeError on what is no such type. */
export function quantizationOf(text: string | undefined): QuantizedType | undefined {
  if (text === undefined || text === 'int8' || text === 'int4') return text;
  throw new RangeError(`Expected --quantization int8 or int4 but found ${text}`);
}

/** Prints the milliseconds of kernels that took any. */
export function printTimes(native: NativeEngine): void {
  const slow = Object.entries(native.times()).filter(([, ms]) => ms >= 0.5);
  console.error(slow.map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(', '), native.memory());
}
