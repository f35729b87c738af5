import koffi, { type LibraryHandle } from 'koffi';
import { onnxRuntimeVersion } from './library.ts';

/** An address in this process. */
export type Pointer = bigint;

/** OrtStatus*: null means success. */
type Status = Pointer | null;

/** Receives one pointer. */
export type Out = [Pointer | null];

/** Memory passed by address; its array must have its own ArrayBuffer if the callee keeps the address. */
type Memory = Pointer | ArrayBufferView | null;

/** A native function and its form that runs on a libuv thread. */
type Native<A extends readonly unknown[], R> = {
  (...args: A): R;
  async: (...args: [...A, (error: Error | null, result: R) => void]) => void;
};

/** The part of the ONNX Runtime C API in use, named as in OrtApi. */
export interface OrtFunctions {
  readonly GetErrorMessage: Native<[Pointer], string>;
  readonly ReleaseStatus: Native<[Pointer], void>;
  readonly CreateThreadingOptions: Native<[Out], Status>;
  readonly SetGlobalIntraOpNumThreads: Native<[Pointer, number], Status>;
  readonly SetGlobalInterOpNumThreads: Native<[Pointer, number], Status>;
  readonly SetGlobalSpinControl: Native<[Pointer, number], Status>;
  readonly ReleaseThreadingOptions: Native<[Pointer], void>;
  readonly CreateEnvWithGlobalThreadPools: Native<[number, string, Pointer, Out], Status>;
  readonly ReleaseEnv: Native<[Pointer], void>;
  readonly CreateCpuMemoryInfo: Native<[number, number, Out], Status>;
  readonly ReleaseMemoryInfo: Native<[Pointer], void>;
  readonly CreateAndRegisterAllocator: Native<[Pointer, Pointer, null], Status>;
  readonly CreateAllocator: Native<[Pointer, Pointer, Out], Status>;
  readonly ReleaseAllocator: Native<[Pointer], void>;
  readonly AllocatorGetStats: Native<[Pointer, Out], Status>;
  readonly GetKeyValue: Native<[Pointer, string], string | null>;
  readonly ReleaseKeyValuePairs: Native<[Pointer], void>;
  readonly GetAllocatorWithDefaultOptions: Native<[Out], Status>;
  readonly AllocatorFree: Native<[Pointer, Pointer], Status>;
  readonly CreateSessionOptions: Native<[Out], Status>;
  readonly DisableMemPattern: Native<[Pointer], Status>;
  readonly DisablePerSessionThreads: Native<[Pointer], Status>;
  readonly SetSessionGraphOptimizationLevel: Native<[Pointer, number], Status>;
  readonly SetSessionLogSeverityLevel: Native<[Pointer, number], Status>;
  readonly EnableProfiling: Native<[Pointer, string], Status>;
  readonly AddSessionConfigEntry: Native<[Pointer, string, string], Status>;
  readonly ReleaseSessionOptions: Native<[Pointer], void>;
  readonly CreateSessionFromArray: Native<[Pointer, Memory, number, Pointer, Out], Status>;
  readonly SessionGetInputCount: Native<[Pointer, [number]], Status>;
  readonly SessionGetOutputCount: Native<[Pointer, [number]], Status>;
  readonly SessionGetInputName: Native<[Pointer, number, Pointer, Out], Status>;
  readonly SessionGetOutputName: Native<[Pointer, number, Pointer, Out], Status>;
  readonly SessionEndProfiling: Native<[Pointer, Pointer, Out], Status>;
  readonly ReleaseSession: Native<[Pointer], void>;
  readonly CreateTensorWithDataAsOrtValue: Native<
    [Pointer, Memory, number, BigInt64Array, number, number, Out],
    Status
  >;
  readonly ReleaseValue: Native<[Pointer], void>;
  readonly CreateRunOptions: Native<[Out], Status>;
  readonly AddRunConfigEntry: Native<[Pointer, string, string], Status>;
  readonly RunOptionsSetTerminate: Native<[Pointer], Status>;
  readonly ReleaseRunOptions: Native<[Pointer], void>;
  readonly Run: Native<[Pointer, Pointer | null, Memory, Memory, number, Memory, number, Memory], Status>;
  readonly CreateIoBinding: Native<[Pointer, Out], Status>;
  readonly BindInput: Native<[Pointer, string, Pointer], Status>;
  readonly BindOutput: Native<[Pointer, string, Pointer], Status>;
  readonly RunWithBinding: Native<[Pointer, Pointer | null, Pointer], Status>;
  readonly ReleaseIoBinding: Native<[Pointer], void>;
}

type Signature = readonly [position: number, result: string, args: readonly string[]];

const STATUS = 'void *';
const OUT = '_Out_ void **';

// Positions in struct OrtApi (onnxruntime_c_api.h); ONNX Runtime only appends to it.
const signatures: Readonly<Record<keyof OrtFunctions, Signature>> = {
  GetErrorMessage: [2, 'const char *', ['void *']],
  CreateSessionFromArray: [8, STATUS, ['void *', 'void *', 'size_t', 'void *', OUT]],
  Run: [9, STATUS, ['void *', 'void *', 'void *', 'void *', 'size_t', 'void *', 'size_t', 'void *']],
  CreateSessionOptions: [10, STATUS, [OUT]],
  EnableProfiling: [14, STATUS, ['void *', 'const char *']],
  DisableMemPattern: [17, STATUS, ['void *']],
  SetSessionLogSeverityLevel: [22, STATUS, ['void *', 'int']],
  SetSessionGraphOptimizationLevel: [23, STATUS, ['void *', 'int']],
  SessionGetInputCount: [30, STATUS, ['void *', '_Out_ size_t *']],
  SessionGetOutputCount: [31, STATUS, ['void *', '_Out_ size_t *']],
  SessionGetInputName: [36, STATUS, ['void *', 'size_t', 'void *', OUT]],
  SessionGetOutputName: [37, STATUS, ['void *', 'size_t', 'void *', OUT]],
  CreateRunOptions: [39, STATUS, [OUT]],
  RunOptionsSetTerminate: [46, STATUS, ['void *']],
  CreateTensorWithDataAsOrtValue: [49, STATUS, ['void *', 'void *', 'size_t', 'void *', 'size_t', 'int', OUT]],
  CreateCpuMemoryInfo: [69, STATUS, ['int', 'int', OUT]],
  AllocatorFree: [76, STATUS, ['void *', 'void *']],
  GetAllocatorWithDefaultOptions: [78, STATUS, [OUT]],
  ReleaseEnv: [92, 'void', ['void *']],
  ReleaseStatus: [93, 'void', ['void *']],
  ReleaseMemoryInfo: [94, 'void', ['void *']],
  ReleaseSession: [95, 'void', ['void *']],
  ReleaseValue: [96, 'void', ['void *']],
  ReleaseRunOptions: [97, 'void', ['void *']],
  ReleaseSessionOptions: [100, 'void', ['void *']],
  SessionEndProfiling: [110, STATUS, ['void *', 'void *', OUT]],
  CreateEnvWithGlobalThreadPools: [119, STATUS, ['int', 'const char *', 'void *', OUT]],
  DisablePerSessionThreads: [120, STATUS, ['void *']],
  CreateThreadingOptions: [121, STATUS, [OUT]],
  ReleaseThreadingOptions: [122, 'void', ['void *']],
  AddSessionConfigEntry: [130, STATUS, ['void *', 'const char *', 'const char *']],
  CreateAllocator: [131, STATUS, ['void *', 'void *', OUT]],
  ReleaseAllocator: [132, 'void', ['void *']],
  RunWithBinding: [133, STATUS, ['void *', 'void *', 'void *']],
  CreateIoBinding: [134, STATUS, ['void *', OUT]],
  ReleaseIoBinding: [135, 'void', ['void *']],
  BindInput: [136, STATUS, ['void *', 'const char *', 'void *']],
  BindOutput: [137, STATUS, ['void *', 'const char *', 'void *']],
  CreateAndRegisterAllocator: [144, STATUS, ['void *', 'void *', 'void *']],
  SetGlobalIntraOpNumThreads: [147, STATUS, ['void *', 'int']],
  SetGlobalInterOpNumThreads: [148, STATUS, ['void *', 'int']],
  SetGlobalSpinControl: [149, STATUS, ['void *', 'int']],
  AddRunConfigEntry: [165, STATUS, ['void *', 'const char *', 'const char *']],
  GetKeyValue: [297, 'const char *', ['void *', 'const char *']],
  ReleaseKeyValuePairs: [300, 'void', ['void *']],
  AllocatorGetStats: [319, STATUS, ['void *', OUT]],
};

// Release 1.n has C API version n.
const API_VERSION = Number(onnxRuntimeVersion.split('.')[1]);

const TABLE_LENGTH = 1 + Math.max(...Object.values(signatures).map(([position]) => position));

// koffi unloads a library once its object is collected, whatever functions of it are still held: these never are.
const loadedLibraries = new Map<string, LibraryHandle>();

function openBase(libraryPath: string): unknown {
  try {
    const library = loadedLibraries.get(libraryPath) ?? koffi.load(libraryPath);
    loadedLibraries.set(libraryPath, library);
    return library.func('OrtGetApiBase', 'void *', [])();
  } catch (cause) {
    throw new Error(`Expected ONNX Runtime's library at ${libraryPath} but it could not be loaded`, { cause });
  }
}

/** Loads an ONNX Runtime library and its function table; Error when it is another release. */
export function loadOrtFunctions(libraryPath: string): OrtFunctions {
  const base = openBase(libraryPath);
  const [getApi, getVersionString]: (Pointer | null)[] = koffi.decode(base, koffi.array('void *', 2, 'Array'));
  if (!getApi || !getVersionString) throw new Error(`Expected OrtApiBase in ${libraryPath} but found a null function`);

  const version: string = koffi.decode(getVersionString, koffi.proto('const char *', []))();
  if (version !== onnxRuntimeVersion) {
    throw new Error(`Expected ONNX Runtime ${onnxRuntimeVersion} at ${libraryPath} but found ${version}`);
  }
  const api: Pointer | null = koffi.decode(getApi, koffi.proto('void *', ['uint32_t']))(API_VERSION);
  if (!api)
    throw new Error(`Expected C API ${API_VERSION} in ONNX Runtime ${version} at ${libraryPath} but it was refused`);

  const table: (Pointer | null)[] = koffi.decode(api, koffi.array('void *', TABLE_LENGTH, 'Array'));
  const bound = Object.entries(signatures).map(([name, [position, result, args]]) => {
    const address = table[position];
    if (!address) throw new Error(`Expected ${name} at position ${position} of OrtApi but found null`);
    return [name, koffi.decode(address, koffi.proto(result, [...args]))] as const;
  });
  return Object.fromEntries(bound) as unknown as OrtFunctions;
}

/** Throws an Error with ONNX Runtime's text when a call failed. */
export function check(ort: OrtFunctions, status: Pointer | null): void {
  if (status === null) return;
  const text = ort.GetErrorMessage(status);
  ort.ReleaseStatus(status);
  throw new Error(`ONNX Runtime: ${text}`);
}

/** The pointer that a creating call gave out; Error when it failed. */
export function taken(ort: OrtFunctions, status: Pointer | null, out: Out): Pointer {
  check(ort, status);
  const [pointer] = out;
  if (pointer === null) throw new Error('Expected a new object from ONNX Runtime but found null');
  return pointer;
}

/** Makes a creating call and returns what it gave out. */
export function created(ort: OrtFunctions, create: (out: Out) => Pointer | null): Pointer {
  const out: Out = [null];
  return taken(ort, create(out), out);
}
