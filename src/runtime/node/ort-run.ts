import koffi from 'koffi';
import type { Lease } from './lease.ts';
import { lease } from './lease.ts';
import type { OrtFunctions, Pointer } from './ort-functions.ts';
import { check, created } from './ort-functions.ts';
import type { OrtTensor } from './ort-tensor.ts';

export type OrtTensors = Readonly<Record<string, OrtTensor>>;

export interface SyncRunOptions {
  /** Gives memory that the arena does not use back to the system after the run. */
  readonly shrinkArena?: boolean;
}

export interface RunOptions extends SyncRunOptions {
  /** Stops the run before its next node; the promise rejects with the signal's reason and outputs are undefined. */
  readonly signal?: AbortSignal;
}

/** One call of ONNX Runtime with everything but its run options in place. */
export interface Call {
  now(runOptions: Pointer | null): Pointer | null;
  later(runOptions: Pointer | null, done: (error: Error | null, status: Pointer | null) => void): void;
  /** Native objects in use while it runs. */
  readonly leases: readonly Lease[];
  /** JavaScript memory in use while it runs. */
  readonly memory: readonly object[];
}

function createRunOptions(ort: OrtFunctions, options: RunOptions): Pointer | null {
  if (options.shrinkArena !== true && options.signal === undefined) return null;
  const pointer = created(ort, (out) => ort.CreateRunOptions(out));
  if (options.shrinkArena === true) {
    check(ort, ort.AddRunConfigEntry(pointer, 'memory.enable_memory_arena_shrinkage', 'cpu:0'));
  }
  return pointer;
}

/** Runs on this thread. */
export function callSync(ort: OrtFunctions, call: Call, options: SyncRunOptions | undefined): void {
  const runOptions = options?.shrinkArena === true ? createRunOptions(ort, { shrinkArena: true }) : null;
  try {
    check(ort, call.now(runOptions));
  } finally {
    if (runOptions !== null) ort.ReleaseRunOptions(runOptions);
  }
}

// Memory of calls on other threads: the garbage collector must see it until they end.
const inFlight = new Set<object>();

/** Awaits a call on another thread and keeps `held` alive meanwhile. */
export async function offThread(
  held: object,
  call: (done: (error: Error | null, status: Pointer | null) => void) => void,
): Promise<Pointer | null> {
  // A set does not count, and the same bound run may be under way twice.
  const entry = { held };
  inFlight.add(entry);
  try {
    return await new Promise((resolve, reject) => {
      call((error, status) => (error ? reject(error) : resolve(status)));
    });
  } finally {
    inFlight.delete(entry);
  }
}

/** Runs on another thread; rejects with the signal's reason when it was stopped. */
export async function callAsync(ort: OrtFunctions, call: Call, options: RunOptions): Promise<void> {
  const { signal } = options;
  signal?.throwIfAborted();
  const runOptions = createRunOptions(ort, options);
  const ends = call.leases.map((held) => held.use());
  const terminate = (): void => {
    if (runOptions !== null) check(ort, ort.RunOptionsSetTerminate(runOptions));
  };
  signal?.addEventListener('abort', terminate);
  try {
    check(ort, await offThread(call, (done) => call.later(runOptions, done)));
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', terminate);
    if (runOptions !== null) ort.ReleaseRunOptions(runOptions);
    for (const end of ends) end();
  }
}

/** Address of a name as a C string. */
export type NameTable = (name: string) => Pointer;

/** C strings made once per name; they live as long as the table. */
export function createNameTable(): NameTable {
  const encoder = new TextEncoder();
  const known = new Map<string, { readonly bytes: Uint8Array; readonly address: Pointer }>();
  return (name) => {
    let entry = known.get(name);
    if (entry === undefined) {
      const encoded = encoder.encode(`${name}\0`);
      const bytes = new Uint8Array(new ArrayBuffer(encoded.length));
      bytes.set(encoded);
      entry = { bytes, address: koffi.address(bytes) };
      known.set(name, entry);
    }
    return entry.address;
  };
}

function pointerArray(pointers: readonly Pointer[]): BigUint64Array {
  const array = new BigUint64Array(new ArrayBuffer(8 * pointers.length));
  array.set(pointers);
  return array;
}

/** Run(session, inputs, outputs). */
export function runCall(
  ort: OrtFunctions,
  session: Lease,
  nameOf: NameTable,
  inputs: OrtTensors,
  outputs: OrtTensors,
): Call {
  const tensors = [...Object.values(inputs), ...Object.values(outputs)];
  const arrays = [
    pointerArray(Object.keys(inputs).map(nameOf)),
    pointerArray(Object.values(inputs).map(({ value }) => value.pointer)),
    pointerArray(Object.keys(outputs).map(nameOf)),
    pointerArray(Object.values(outputs).map(({ value }) => value.pointer)),
  ] as const;
  const { pointer } = session;
  const [inputNames, inputValues, outputNames, outputValues] = arrays;
  const [inputCount, outputCount] = [inputValues.length, outputValues.length];
  return {
    now: (runOptions) =>
      ort.Run(pointer, runOptions, inputNames, inputValues, inputCount, outputNames, outputCount, outputValues),
    later: (runOptions, done) =>
      ort.Run.async(
        pointer,
        runOptions,
        inputNames,
        inputValues,
        inputCount,
        outputNames,
        outputCount,
        outputValues,
        done,
      ),
    leases: [session, ...tensors.map(({ value }) => value)],
    memory: [...arrays, nameOf, ...tensors],
  };
}

/** OrtIoBinding of the tensors; Error when the graph has no such name. */
export function createBinding(ort: OrtFunctions, session: Lease, inputs: OrtTensors, outputs: OrtTensors): Lease {
  const pointer = created(ort, (out) => ort.CreateIoBinding(session.pointer, out));
  // A binding has its own references to the values, but it points into the session.
  const end = session.use();
  const binding = lease('bound run', pointer, (freed) => {
    ort.ReleaseIoBinding(freed);
    end();
  });
  try {
    for (const [name, { value }] of Object.entries(inputs)) check(ort, ort.BindInput(pointer, name, value.pointer));
    for (const [name, { value }] of Object.entries(outputs)) check(ort, ort.BindOutput(pointer, name, value.pointer));
    return binding;
  } catch (error) {
    binding.release();
    throw error;
  }
}

/** RunWithBinding(session, binding). */
export function boundCall(ort: OrtFunctions, session: Lease, binding: Lease, tensors: readonly OrtTensor[]): Call {
  const { pointer } = session;
  return {
    now: (runOptions) => ort.RunWithBinding(pointer, runOptions, binding.pointer),
    later: (runOptions, done) => ort.RunWithBinding.async(pointer, runOptions, binding.pointer, done),
    leases: [session, binding],
    memory: [...tensors],
  };
}
