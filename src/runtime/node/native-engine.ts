import { availableParallelism } from 'node:os';
import type { Engine } from '../engine.ts';
import { life } from '../life.ts';
import type { Numbers } from '../native/encode.ts';
import { runQueue } from '../runQueue.ts';
import { fillPool } from './fill-pool.ts';
import { loadNativeLibrary } from './native-library.ts';
import { loadNativeProgram, messageOf, planNativeMemory } from './native-program.ts';
import { nativeScans } from './nativeScans.ts';
import { randomPool } from './random-pool.ts';

export interface NativeEngineOptions {
  /** Path of the library, from `findNativeLibrary`. */
  readonly library: string;
  /** Threads that compute, the calling one included; default: all cores. */
  readonly threads?: number;
  /** Default: that of the instruction set, else fp32. bf16 rounds the operands of products and adds up in f32, by f32 where the processor has no such instructions. */
  readonly precision?: 'fp32' | 'bf16';
  /** Default: the best of that precision that the machine has; others for checks. */
  readonly instructionSet?: string;
}

/** The native engine and where its time went. */
export interface NativeEngine extends Engine {
  readonly instructionSet: string;
  /** Milliseconds spent in each kernel since the last call. */
  times(): Readonly<Record<string, number>>;
}

/** Whether the processor has instructions of its own for products in bf16. */
export const multipliesBf16 = (library: string): boolean => loadNativeLibrary(library).tl_multiplies_bf16() === 1;

/** The instruction sets of a precision that this machine has, the best one first. */
export const instructionSetsOf = (library: string, precision: 'fp32' | 'bf16'): readonly string[] =>
  loadNativeLibrary(library)
    .tl_instruction_sets(precision === 'bf16' ? 1 : 0)
    .split(',');

/** Instruction sets of the platform that the library was built without, since its compiler did not know them. */
export const instructionSetsLeftOut = (library: string): readonly string[] =>
  loadNativeLibrary(library)
    .tl_instruction_sets_left_out()
    .split(',')
    .filter((name) => name !== '');

const numbered = (names: string): Map<string, number> => new Map(names.split(',').map((name, index) => [name, index]));

/** tuneloop's own kernels, off the event loop. Throws Error when the library, an instruction set or a thread is missing. */
export function nativeEngine({
  library,
  threads = availableParallelism(),
  precision: asked,
  instructionSet,
}: NativeEngineOptions): NativeEngine {
  const functions = loadNativeLibrary(library);
  const kernels = numbered(functions.tl_kernels());
  const numbers: Numbers = { kernels, operations: numbered(functions.tl_operations()) };
  const precision = asked ?? (instructionSetsOf(library, 'bf16').includes(instructionSet ?? '') ? 'bf16' : 'fp32');
  const sets = instructionSetsOf(library, precision);
  const set = instructionSet ?? sets[0] ?? '';
  if (instructionSetsLeftOut(library).includes(set))
    throw new Error(`Expected a library with ${set} but found one whose compiler did not know it, at ${library}`);
  if (!sets.includes(set))
    throw new Error(`Expected an instruction set of ${precision} among ${sets.join(', ')} but found ${set}`);
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
  const context = { functions, numbers, address, queue, engine, precision };
  return {
    name: 'native',
    precision,
    instructionSet: set,
    random: randomPool(pool, threads),
    scans: nativeScans(functions),
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
