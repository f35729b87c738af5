import koffi from 'koffi';
import type { Lease } from './lease.ts';
import { lease } from './lease.ts';
import type { LogLevel } from './ort-environment.ts';
import { severityOf } from './ort-environment.ts';
import type { OrtFunctions, Out, Pointer } from './ort-functions.ts';
import { check, created, taken } from './ort-functions.ts';
import type { OrtTensors, RunOptions, SyncRunOptions } from './ort-run.ts';
import { boundCall, callAsync, callSync, createBinding, createNameTable, offThread, runCall } from './ort-run.ts';

/** Graph rewriting before the first run: none, constant folding and the like, fusions, and layouts too. */
export type GraphOptimization = 'none' | 'basic' | 'extended' | 'all';

export interface SessionOptions {
  readonly optimization?: GraphOptimization;
  readonly logLevel?: LogLevel;
  /** Path prefix of a Chrome trace of every node of every run, written by `endProfile`. */
  readonly profile?: string;
  /** Session configuration entries of ONNX Runtime, such as `session.disable_prepacking`. */
  readonly config?: Readonly<Record<string, string>>;
}

/** A session's run over fixed tensors: the cheapest call, one at a time. */
export interface BoundRun {
  run(options?: RunOptions): Promise<void>;
  runSync(options?: SyncRunOptions): void;
  release(): void;
}

/** A compiled graph. Outputs are written into the given tensors, which may be the inputs' where the graph allows it. */
export interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Runs on another thread; tensors and session stay alive until it ends. */
  run(inputs: OrtTensors, outputs: OrtTensors, options?: RunOptions): Promise<void>;
  runSync(inputs: OrtTensors, outputs: OrtTensors, options?: SyncRunOptions): void;
  prebind(inputs: OrtTensors, outputs: OrtTensors): BoundRun;
  /** Ends profiling and returns the trace's path; Error unless `profile` was given. */
  endProfile(): string;
  /** Frees the session and its bound runs, after the runs under way. */
  release(): void;
}

const optimizationLevels: Readonly<Record<GraphOptimization, number>> = { none: 0, basic: 1, extended: 2, all: 99 };

function createOptions(ort: OrtFunctions, options: SessionOptions): Pointer {
  const pointer = created(ort, (out) => ort.CreateSessionOptions(out));
  try {
    check(ort, ort.DisablePerSessionThreads(pointer));
    // Memory patterns reserve the peak of a run as one block and nearly double a training step's memory.
    check(ort, ort.DisableMemPattern(pointer));
    check(ort, ort.AddSessionConfigEntry(pointer, 'session.use_env_allocators', '1'));
    const level = optimizationLevels[options.optimization ?? 'all'];
    check(ort, ort.SetSessionGraphOptimizationLevel(pointer, level));
    if (options.logLevel) check(ort, ort.SetSessionLogSeverityLevel(pointer, severityOf(options.logLevel)));
    if (options.profile !== undefined) check(ort, ort.EnableProfiling(pointer, options.profile));
    for (const [key, value] of Object.entries(options.config ?? {})) {
      check(ort, ort.AddSessionConfigEntry(pointer, key, value));
    }
    return pointer;
  } catch (error) {
    ort.ReleaseSessionOptions(pointer);
    throw error;
  }
}

/** Text that ONNX Runtime allocated, which is then freed. */
function takeText(ort: OrtFunctions, allocate: (allocator: Pointer, out: Out) => Pointer | null): string {
  const allocator = created(ort, (out) => ort.GetAllocatorWithDefaultOptions(out));
  const address = created(ort, (out) => allocate(allocator, out));
  const text: string = koffi.decode.string(address);
  check(ort, ort.AllocatorFree(allocator, address));
  return text;
}

function readNames(ort: OrtFunctions, session: Pointer, kind: 'Input' | 'Output'): string[] {
  const count: [number] = [0];
  check(ort, ort[`SessionGet${kind}Count`](session, count));
  return Array.from({ length: count[0] }, (_, index) =>
    takeText(ort, (allocator, out) => ort[`SessionGet${kind}Name`](session, index, allocator, out)),
  );
}

/** What sessions are made in. */
export interface SessionContext {
  readonly ort: OrtFunctions;
  readonly environment: Lease;
}

/** A session and the OrtSession behind it. */
export interface OpenSession {
  readonly session: OrtSession;
  readonly native: Lease;
}

function openSession({ ort, environment }: SessionContext, pointer: Pointer): OpenSession {
  const endEnvironment = environment.use();
  const native = lease('session', pointer, (freed) => {
    ort.ReleaseSession(freed);
    endEnvironment();
  });
  const nameOf = createNameTable();
  const bindings = new Set<Lease>();

  const inputNames = readNames(ort, pointer, 'Input');

  // ONNX Runtime takes an input that is not given for an optional one that is left out.
  function checkInputs(inputs: OrtTensors): void {
    for (const name of inputNames) {
      if (!Object.hasOwn(inputs, name)) throw new RangeError(`Expected a tensor for input ${name} but found none`);
    }
  }

  const session: OrtSession = {
    inputNames,
    outputNames: readNames(ort, pointer, 'Output'),
    async run(inputs, outputs, options = {}) {
      checkInputs(inputs);
      await callAsync(ort, runCall(ort, native, nameOf, inputs, outputs), options);
    },
    runSync(inputs, outputs, options) {
      checkInputs(inputs);
      callSync(ort, runCall(ort, native, nameOf, inputs, outputs), options);
    },
    prebind(inputs, outputs) {
      checkInputs(inputs);
      const binding = createBinding(ort, native, inputs, outputs);
      bindings.add(binding);
      const call = boundCall(ort, native, binding, [...Object.values(inputs), ...Object.values(outputs)]);
      let underWay = false;
      const checkIdle = (): void => {
        if (underWay)
          throw new Error('Expected an idle bound run but it is under way; prebind once per concurrent run');
      };
      return {
        async run(options = {}) {
          checkIdle();
          underWay = true;
          try {
            await callAsync(ort, call, options);
          } finally {
            underWay = false;
          }
        },
        runSync(options) {
          checkIdle();
          callSync(ort, call, options);
        },
        release() {
          bindings.delete(binding);
          binding.release();
        },
      };
    },
    endProfile() {
      const path = takeText(ort, (allocator, out) => ort.SessionEndProfiling(native.pointer, allocator, out));
      if (path === '') throw new Error('Expected a session created with `profile` but found one without');
      return path;
    },
    release() {
      for (const binding of bindings) binding.release();
      bindings.clear();
      native.release();
    },
  };
  return { session, native };
}

/** Compiles a serialised ModelProto; Error with ONNX Runtime's text when it is refused. */
export function createSession(context: SessionContext, model: Uint8Array, options: SessionOptions): OpenSession {
  const { ort, environment } = context;
  const sessionOptions = createOptions(ort, options);
  try {
    return openSession(
      context,
      created(ort, (out) =>
        ort.CreateSessionFromArray(environment.pointer, model, model.byteLength, sessionOptions, out),
      ),
    );
  } finally {
    ort.ReleaseSessionOptions(sessionOptions);
  }
}

/** `createSession` on another thread. */
export async function createSessionAsync(
  context: SessionContext,
  model: Uint8Array,
  options: SessionOptions,
): Promise<OpenSession> {
  const { ort, environment } = context;
  const sessionOptions = createOptions(ort, options);
  const end = environment.use();
  try {
    const out: Out = [null];
    const status = await offThread({ model, out }, (done) =>
      ort.CreateSessionFromArray.async(environment.pointer, model, model.byteLength, sessionOptions, out, done),
    );
    return openSession(context, taken(ort, status, out));
  } finally {
    ort.ReleaseSessionOptions(sessionOptions);
    end();
  }
}
