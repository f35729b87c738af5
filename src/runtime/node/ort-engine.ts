import { availableParallelism } from 'node:os';
import { setImmediate as immediate } from 'node:timers/promises';
import type { Engine } from '../engine.ts';
import { life } from '../life.ts';
import { planOnnx } from '../onnx/compile.ts';
import { cpuTarget } from '../onnx/target.ts';
import { runQueue } from '../runQueue.ts';
import { fillPool } from './fill-pool.ts';
import { openOnnxRuntime } from './ort-api.ts';
import { loadProgram } from './ort-program.ts';
import { randomPool } from './random-pool.ts';

export interface OrtEngineOptions {
  /** Threads of the pool that all programs share; default: all cores. */
  readonly threads?: number;
  readonly libraryPath?: string;
  /** Path prefix of a trace of every node of every run. */
  readonly profile?: string;
}

/**
 * ONNX Runtime's CPU provider through its C API: fp32, off the event loop, one arena and one thread pool for all
 * programs. Throws Error when the library is missing, of another version, or fails its self-test.
 */
export function ortEngine(options: OrtEngineOptions = {}): Engine {
  const threads = options.threads ?? availableParallelism();
  const runtime = openOnnxRuntime({
    threads,
    ...(options.libraryPath === undefined ? {} : { libraryPath: options.libraryPath }),
  });
  const pool = fillPool(threads);
  const engine = life('an open engine but it was closed', () => {
    pool.close();
    runtime.close();
  });
  const context = { runtime, pool, queue: runQueue(), engine, profile: options.profile };
  return {
    name: 'ort',
    precision: 'fp32',
    slowToLoad: true,
    random: randomPool(pool, threads),
    load: (graph) => loadProgram(context, graph),
    plan: (graph) => {
      engine.check();
      return planOnnx(graph, cpuTarget, () => immediate());
    },
    memory: () => {
      engine.check();
      const { reservedBytes, peakInUseBytes } = runtime.memory();
      return { scratchBytes: reservedBytes, peakScratchBytes: peakInUseBytes, programs: engine.parts() };
    },
    close: engine.end,
  };
}
