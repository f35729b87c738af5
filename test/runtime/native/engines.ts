import { after } from 'node:test';
import { type NativeEngine, nativeEngine } from '../../../src/runtime/node/native-engine.ts';
import { findNativeLibrary, loadNativeLibrary } from '../../../src/runtime/node/native-library.ts';

/** Path of the library, or why there is none here. */
export const found: { readonly library?: string; readonly missing: string | false } = await findNativeLibrary().then(
  (library) => ({ library, missing: false }),
  (error: unknown) => ({ missing: error instanceof Error ? error.message : String(error) }),
);

/** What this machine has kernels for; one name where there is no library, so that its tests skip with the reason. */
export const instructionSets: readonly string[] =
  found.library === undefined ? ['any'] : loadNativeLibrary(found.library).tl_instruction_sets().split(',');

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
