import type { Engine } from '../../src/runtime/engine.ts';
import { type NativeEngine, nativeEngine } from '../../src/runtime/node/native-engine.ts';
import { findNativeLibrary } from '../../src/runtime/node/native-library.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';

/** Options of benches that choose an engine. */
export const engineOptions = {
  threads: { help: 'N', default: '2' },
  engine: { help: 'ort or native', default: 'ort' },
  'instruction-set': { help: 'NAME, of the native engine' },
  profile: { help: 'PREFIX of ONNX Runtime traces, or anything to print the milliseconds of native kernels' },
} as const;

/** The engine that the options name, and its kernels' times where it is native. */
export async function openEngine(options: {
  readonly threads: number;
  readonly engine: string | undefined;
  readonly instructionSet: string | undefined;
  readonly profile: string | undefined;
}): Promise<{ readonly engine: Engine; readonly native: NativeEngine | undefined }> {
  const { threads, instructionSet, profile } = options;
  if (options.engine !== 'native') {
    return { engine: ortEngine({ threads, ...(profile === undefined ? {} : { profile }) }), native: undefined };
  }
  const library = await findNativeLibrary();
  const native = nativeEngine({ library, threads, ...(instructionSet === undefined ? {} : { instructionSet }) });
  return { engine: native, native };
}

/** Prints the milliseconds of kernels that took any. */
export function printTimes(native: NativeEngine): void {
  const slow = Object.entries(native.times()).filter(([, ms]) => ms >= 0.5);
  console.error(slow.map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(', '), native.memory());
}
