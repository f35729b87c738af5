import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, freemem, platform, totalmem } from 'node:os';

export interface Machine {
  readonly platform: string;
  readonly processor: string;
  /** Threads that the process may use at once. */
  readonly cores: number;
  /** Those that speed up products; undefined where the platform does not say. */
  readonly instructionSets: readonly string[] | undefined;
  readonly memoryBytes: number;
  readonly freeBytes: number;
  readonly node: string;
}

/** As the kernel calls them; Linux on ARM says Features instead of flags. */
const wanted = [
  'avx',
  'avx2',
  'fma',
  'f16c',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'avx_vnni',
  'amx_tile',
  'amx_bf16',
  'amx_int8',
  'asimd',
  'asimdhp',
  'asimddp',
  'bf16',
  'i8mm',
  'sve',
  'sve2',
];

/** Instruction sets in the text of /proc/cpuinfo; undefined where it lists none. */
export function instructionSetsIn(cpuinfo: string): string[] | undefined {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/);
  return flags === undefined ? undefined : wanted.filter((name) => flags.includes(name));
}

function instructionSets(): string[] | undefined {
  try {
    return instructionSetsIn(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    // Only Linux has this file.
    return undefined;
  }
}

export function readMachine(): Machine {
  const limit = process.constrainedMemory();
  const memoryBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return {
    platform: `${platform()} ${arch()}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    instructionSets: instructionSets(),
    memoryBytes,
    freeBytes: Math.min(freemem(), memoryBytes),
    node: process.version,
  };
}
