import type { Lease } from './lease.ts';
import { lease } from './lease.ts';
import type { OrtFunctions, Pointer } from './ort-functions.ts';
import { check, created } from './ort-functions.ts';

/** Messages of this severity and above go to stderr. */
export type LogLevel = 'verbose' | 'info' | 'warning' | 'error' | 'fatal';

export interface EnvironmentOptions {
  readonly threads: number;
  readonly logLevel: LogLevel;
  /** Idle pool threads poll for a moment before they sleep. */
  readonly spin: boolean;
}

const severities: readonly LogLevel[] = ['verbose', 'info', 'warning', 'error', 'fatal'];

const DEVICE_ALLOCATOR = 0;
const ARENA_ALLOCATOR = 1;
const DEFAULT_MEMORY = 0;

/** OrtLoggingLevel. */
export function severityOf(level: LogLevel): number {
  return severities.indexOf(level);
}

/** OrtMemoryInfo of plain CPU memory, or of the CPU arena. */
export function createCpuMemoryInfo(ort: OrtFunctions, kind: 'plain' | 'arena'): Lease {
  const allocator = kind === 'arena' ? ARENA_ALLOCATOR : DEVICE_ALLOCATOR;
  const pointer = created(ort, (out) => ort.CreateCpuMemoryInfo(allocator, DEFAULT_MEMORY, out));
  return lease('memory info', pointer, ort.ReleaseMemoryInfo);
}

function createEnvironment(ort: OrtFunctions, options: EnvironmentOptions): Pointer {
  const threading = created(ort, (out) => ort.CreateThreadingOptions(out));
  try {
    check(ort, ort.SetGlobalIntraOpNumThreads(threading, options.threads));
    check(ort, ort.SetGlobalInterOpNumThreads(threading, 1));
    check(ort, ort.SetGlobalSpinControl(threading, options.spin ? 1 : 0));
    return created(ort, (out) =>
      ort.CreateEnvWithGlobalThreadPools(severityOf(options.logLevel), 'tuneloop', threading, out),
    );
  } finally {
    ort.ReleaseThreadingOptions(threading);
  }
}

function registerArena(ort: OrtFunctions, environment: Pointer): void {
  const arena = createCpuMemoryInfo(ort, 'arena');
  try {
    check(ort, ort.CreateAndRegisterAllocator(environment, arena.pointer, null));
  } finally {
    arena.release();
  }
}

interface OpenEnvironment {
  readonly environment: Lease;
  readonly settings: string;
  owners: number;
}

// ONNX Runtime has one environment per process: a second one would silently be the first with the first's threads.
const open = new Map<string, OpenEnvironment>();

/** The process's environment, shared by every caller with the same options; RangeError when they differ from those it was opened with. */
export function acquireEnvironment(ort: OrtFunctions, libraryPath: string, options: EnvironmentOptions): Lease {
  const settings = JSON.stringify(options, Object.keys(options).toSorted());
  let entry = open.get(libraryPath);
  if (entry === undefined) {
    const pointer = createEnvironment(ort, options);
    entry = { environment: lease('ONNX Runtime environment', pointer, ort.ReleaseEnv), settings, owners: 0 };
    try {
      registerArena(ort, pointer);
    } catch (error) {
      entry.environment.release();
      throw error;
    }
    open.set(libraryPath, entry);
  }
  if (entry.settings !== settings) {
    throw new RangeError(
      `Expected the options of the open ONNX Runtime, ${entry.settings}, but found ${settings}; close it first`,
    );
  }
  return share(libraryPath, entry);
}

function share(libraryPath: string, entry: OpenEnvironment): Lease {
  entry.owners++;
  return lease('ONNX Runtime', entry.environment.pointer, () => {
    entry.owners--;
    if (entry.owners > 0) return;
    open.delete(libraryPath);
    entry.environment.release();
  });
}
