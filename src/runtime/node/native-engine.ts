import { availableParallelism } from 'node:os';
import type { Engine } from '../engine.ts';
import { life } from '../life.ts';
import type { Numbers } from '../native/encode.ts';
import { runQueue } from '../runQueue.ts';
import { fillPool } from './fill-pool.ts';
import { loadNativeLibrary } from './native-library.ts';
import { loadNativeProgram, messageOf, planNativeMemory } from './native-program.ts';
import { randomPool } from './random-pool.ts';

export interface NativeEngineOptions {
  /** Path of the library, from `findNativeLibrary`. */
  readonly library: string;
  /** Threads that compute, the calling one included; default: all cores. */
  readonly threads?: number;
  /** Default: the best that the machine has; others for checks. */
  readonly instructionSet?: string;
}

/** The native engine and where its time went. */
export interface NativeEngine extends Engine {
  readonly instructionSet: string;
  /** Milliseconds spent in each kernel since the last call. */
  times(): Readonly<Record<string, number>>;
}

const numbered = (names: string): Map<string, number> => new Map(names.split(',').map((name, index) => [name, index]));

/** tuneloop's own kernels, fp32, off the event loop. Throws Error when the library, an instruction set or a thread is missing. */
export function nativeEngine({
  library,
  threads = availableParallelism(),
  instructionSet,
}: NativeEngineOptions): NativeEngine {
  const functions = loadNativeLibrary(library);
  const kernels = numbered(functions.tl_kernels());
  const numbers: Numbers = { kernels, operations: numbered(functions.tl_operations()) };
  const set = instructionSet ?? functions.tl_instruction_sets().split(',')[0] ?? '';
  const error = new Uint8Array(new ArrayBuffer(512));
  const address = functions.tl_engine_open(set, threads, error, error.length);
  if (address === null) throw new Error(messageOf(error));
  const pool = fillPool(threads);
  const queue = runQueue();
  const engine = life('an open engine but it was closed', () => {
    pool.close();
    // Runs under way end first.
    void queue.later(async () => functions.tl_engine_close(address));
  });
  const usage = (): { arena: number; scratch: number } => {
    engine.check();
    const out = new Float64Array(2);
    functions.tl_engine_memory(address, out);
    return { arena: out[0] ?? 0, scratch: out[1] ?? 0 };
  };
  const context = { functions, numbers, address, queue, engine };
  return {
    name: 'native',
    precision: 'fp32',
    instructionSet: set,
    random: randomPool(pool, threads),
    load: (graph) => loadNativeProgram(context, graph),
    plan: (graph) => planNativeMemory(context, graph),
    memory: () => {
      const { arena, scratch } = usage();
      return { scratchBytes: arena + scratch, peakScratchBytes: arena + scratch, programs: engine.parts() };
    },
    times: () => {
      engine.check();
      const nanoseconds = new Float64Array(kernels.size);
      functions.tl_engine_times(address, nanoseconds, nanoseconds.length);
      return Object.fromEntries([...kernels].map(([name, index]) => [name, (nanoseconds[index] ?? 0) / 1e6]));
    },
    close: engine.end,
  };
}
