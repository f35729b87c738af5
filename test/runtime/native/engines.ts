import { after } from 'node:test';
import { type NativeEngine, nativeEngine } from '../../../src/runtime/node/native-engine.ts';
import { findNativeLibrary, loadNativeLibrary } from '../../../src/runtime/node/native-library.ts';

/** Path of the library, or why there is none here. */
export const found: { readonly library?: string; readonly missing: string | false } = await findNativeLibrary({
  withModels: true,
}).then(
  (library) => ({ library, missing: false }),
  (error: unknown) => ({ missing: error instanceof Error ? error.message : String(error) }),
);

const setsOf = (bf16: number): readonly string[] =>
  found.library === undefined ? ['any'] : loadNativeLibrary(found.library).tl_instruction_sets(bf16).split(',');

/** What this machine has kernels of f32 for; one name where there is no library, so that its tests skip with the reason. */
export const instructionSets = setsOf(0);

/** The same of bf16. */
export const bf16Sets = setsOf(1);

/** An engine of an instruction set, made at first use and closed after the tests. */
export function engineOf(instructionSet?: string, threads = 2): () => NativeEngine {
  let engine: NativeEngine | undefined;
  after(() => engine?.close());
  return () =>
    (engine ??= nativeEngine({
      library: found.library ?? '',
      threads,
      ...(instructionSet === undefined ? {} : { instructionSet }),
    }));
}
