import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi, { type LibraryHandle } from 'koffi';
import { planVersion } from '../native/encode.ts';
import { nativeFileName } from './native-build.ts';
import { type BuildOptions, buildNativeLibrary } from './native-clone.ts';

type Pointer = bigint;

/** A native function and its form that runs on a libuv thread. */
type Native<A extends readonly unknown[], R> = {
  (...args: A): R;
  async: (...args: [...A, (error: Error | null, result: R) => void]) => void;
};

/** The library's functions, see native/tuneloop.h. */
export interface NativeFunctions {
  readonly tl_instruction_sets: Native<[number], string>;
  readonly tl_instruction_sets_left_out: Native<[], string>;
  readonly tl_multiplies_bf16: Native<[], number>;
  readonly tl_kernels: Native<[], string>;
  readonly tl_operations: Native<[], string>;
  readonly tl_engine_open: Native<[string, number, Uint8Array, number], Pointer | null>;
  readonly tl_engine_close: Native<[Pointer], void>;
  readonly tl_program_load: Native<
    [Pointer, Float64Array, number, Uint8Array, number, Uint8Array, number],
    Pointer | null
  >;
  readonly tl_program_release: Native<[Pointer], void>;
  readonly tl_first_not_finite: Native<[Float32Array, number], number>;
  readonly tl_first_not_finite_bf16: Native<[Uint16Array, number], number>;
  readonly tl_round_bf16: Native<[Float32Array, Uint16Array, number], number>;
  readonly tl_use_large_pages: Native<[BigUint64Array, BigUint64Array, number], void>;
  readonly tl_program_run: Native<[Pointer, BigUint64Array, Uint8Array, number, Uint8Array, number], number>;
  readonly tl_engine_memory: Native<[Pointer, Float64Array], void>;
  readonly tl_engine_times: Native<[Pointer, Float64Array, number], void>;
}

const signatures: Readonly<Record<keyof NativeFunctions, readonly [result: string, args: readonly string[]]>> = {
  tl_instruction_sets: ['const char *', ['int']],
  tl_instruction_sets_left_out: ['const char *', []],
  tl_multiplies_bf16: ['int', []],
  tl_kernels: ['const char *', []],
  tl_operations: ['const char *', []],
  tl_engine_open: ['void *', ['const char *', 'int', 'void *', 'int64_t']],
  tl_engine_close: ['void', ['void *']],
  tl_program_load: ['void *', ['void *', 'void *', 'int64_t', 'void *', 'int64_t', 'void *', 'int64_t']],
  tl_program_release: ['void', ['void *']],
  tl_first_not_finite: ['int64_t', ['void *', 'int64_t']],
  tl_first_not_finite_bf16: ['int64_t', ['void *', 'int64_t']],
  tl_round_bf16: ['int64_t', ['void *', 'void *', 'int64_t']],
  tl_use_large_pages: ['void', ['void *', 'void *', 'int64_t']],
  tl_program_run: ['int', ['void *', 'void *', 'void *', 'int64_t', 'void *', 'int64_t']],
  tl_engine_memory: ['void', ['void *', 'void *']],
  tl_engine_times: ['void', ['void *', 'void *', 'int64_t']],
};

/** koffi unloads a library once its object is collected, whatever function pointers are still held. */
const loaded = new Map<string, { readonly handle: LibraryHandle; readonly functions: NativeFunctions }>();

/** Loads the library. Throws Error when it cannot be loaded or was made for another version of this package. */
export function loadNativeLibrary(path: string): NativeFunctions {
  const known = loaded.get(path);
  if (known) return known.functions;
  const handle = koffi.load(path);
  const version: number = handle.func('tl_version', 'int', [])();
  if (version !== planVersion)
    throw new Error(`Expected the native library of version ${planVersion} but found ${version} at ${path}`);
  const entries = Object.entries(signatures).map(([name, [result, args]]) => [
    name,
    handle.func(name, result, [...args]),
  ]);
  const functions = Object.fromEntries(entries) as NativeFunctions;
  loaded.set(path, { handle, functions });
  return functions;
}

/** This file lies three folders below the root, as source and as built. */
const packageRoot = (): string => fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Path of the native engine's library: the package's own for this platform, or in a clone one that is built when it is
 * first needed. Throws Error saying why there is none.
 */
export async function findNativeLibrary(
  options: Omit<BuildOptions, 'mode'> = {},
  root: string = packageRoot(),
): Promise<string> {
  const key = `${process.platform}-${process.arch}`;
  const packed = join(root, 'vendor', 'native', key, nativeFileName(process.platform));
  if (existsSync(join(root, 'native', 'tuneloop.h'))) return buildNativeLibrary(root, options);
  if (existsSync(packed)) return packed;
  throw new Error(`the package has no native library for ${key}`);
}
