import { encodeOnnx } from '../onnx/encode.ts';
import type { OnnxArray, OnnxElementType } from '../onnx/dtypes.ts';
import type { Lease } from './lease.ts';
import { findOnnxRuntime } from './library.ts';
import type { LogLevel } from './ort-environment.ts';
import { acquireEnvironment, createCpuMemoryInfo } from './ort-environment.ts';
import type { OrtFunctions } from './ort-functions.ts';
import { loadOrtFunctions } from './ort-functions.ts';
import type { ArenaMemory } from './ort-memory.ts';
import { arenaMemory } from './ort-memory.ts';
import type { OrtSession, SessionContext, SessionOptions } from './ort-session.ts';
import { createSession, createSessionAsync } from './ort-session.ts';
import type { OrtTensor } from './ort-tensor.ts';
import { allocate, createTensor } from './ort-tensor.ts';

export type { ArenaMemory, LogLevel, OrtSession, OrtTensor, SessionOptions };
export type { BoundRun, GraphOptimization } from './ort-session.ts';
export type { OrtTensors, RunOptions, SyncRunOptions } from './ort-run.ts';
export { allocate };

export interface OpenOptions {
  /** Threads of the one pool that all sessions share, the calling thread included. */
  readonly threads: number;
  /** Default: the library that belongs to this package. */
  readonly libraryPath?: string;
  /** Default 'fatal', since every failure is thrown. */
  readonly logLevel?: LogLevel;
  /** Whether idle pool threads poll before they sleep; default true. */
  readonly spin?: boolean;
}

/** ONNX Runtime's CPU provider in this process: one thread pool and one memory arena for all sessions. */
export interface OrtRuntime {
  createSession(model: Uint8Array, options?: SessionOptions): OrtSession;
  /** Compiles on another thread. */
  createSessionAsync(model: Uint8Array, options?: SessionOptions): Promise<OrtSession>;
  /** A tensor over `data`, without a copy; see `allocate` for memory that suits. */
  tensor(dtype: OnnxElementType, shape: readonly number[], data: OnnxArray): OrtTensor;
  memory(): ArenaMemory;
  /** Gives memory that no run is using back to the system. */
  shrinkArena(): void;
  /** Releases every session, then the environment when no other caller has it open. */
  close(): void;
}

const probeSize = 2;

/** y = a + b, on which a library is tried before it is trusted. */
const probeModel = encodeOnnx({
  inputs: [
    { name: 'a', dtype: 'f32', shape: [probeSize] },
    { name: 'b', dtype: 'f32', shape: [probeSize] },
  ],
  outputs: [{ name: 'y', dtype: 'f32', shape: [probeSize] }],
  nodes: [{ opType: 'Add', inputs: ['a', 'b'], outputs: ['y'] }],
});

/** Runs the probe; Error when the sum is wrong, which means a function table other than the expected one. */
function runProbe(ort: OrtFunctions, cpu: Lease, session: OrtSession, shrinkArena: boolean): void {
  const tensors = [
    [1, -2],
    [10, 20],
    [0, 0],
  ].map((values) => {
    const data = allocate('f32', probeSize);
    for (const [index, value] of values.entries()) data[index] = value;
    return createTensor(ort, cpu.pointer, 'f32', [probeSize], data);
  });
  const [a, b, y] = tensors;
  if (!a || !b || !y) throw new RangeError(`Expected 3 probe tensors but found ${tensors.length}`);
  try {
    session.runSync({ a, b }, { y }, { shrinkArena });
    if (y.data[0] !== 11 || y.data[1] !== 18)
      throw new Error(`Expected [11, 18] from ONNX Runtime's probe but found [${y.data.join(', ')}]`);
  } finally {
    for (const tensor of tensors) tensor.release();
  }
}

/**
 * Loads ONNX Runtime and checks its version and one sum. The environment is one per process: opening again shares it and
 * must ask for the same options; worker threads that open it get the pool and arena of whoever came first.
 */
export function openOnnxRuntime(options: OpenOptions): OrtRuntime {
  const {
    threads,
    libraryPath = findOnnxRuntime(),
    logLevel = 'fatal',

    spin = true,
  } = options;
  if (!Number.isInteger(threads) || threads < 1) throw new RangeError(`Expected threads >= 1 but found ${threads}`);
  const ort = loadOrtFunctions(libraryPath);
  const environment = acquireEnvironment(ort, libraryPath, { threads, logLevel, spin });
  const cpu = createCpuMemoryInfo(ort, 'plain');
  const arena = createCpuMemoryInfo(ort, 'arena');
  const context: SessionContext = { ort, environment };
  const sessions = new Set<OrtSession>();

  function adopt(session: OrtSession): OrtSession {
    const adopted: OrtSession = {
      ...session,
      release() {
        sessions.delete(adopted);
        session.release();
      },
    };
    sessions.add(adopted);
    return adopted;
  }

  function close(): void {
    for (const session of sessions) session.release();
    for (const held of [arena, cpu, environment]) held.release();
  }

  try {
    const probe = createSession(context, probeModel, {});
    sessions.add(probe.session);
    runProbe(ort, cpu, probe.session, false);
    return {
      createSession: (model, settings = {}) => adopt(createSession(context, model, settings).session),
      createSessionAsync: async (model, settings = {}) =>
        adopt((await createSessionAsync(context, model, settings)).session),
      tensor: (dtype, shape, data) => createTensor(ort, cpu.pointer, dtype, shape, data),
      memory: () => arenaMemory(ort, probe.native, arena),
      shrinkArena: () => runProbe(ort, cpu, probe.session, true),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
