import { chooseEngine, engineRecord } from '../loop/engines.ts';
import { selfTest } from '../loop/selfTest.ts';
import { formatBytes } from '../loop/units.ts';
import { browserEngines } from './browserEngines.ts';
import type { Command } from './command.ts';
import { type Machine, readMachine } from './machine.ts';
import { packageVersion } from '../runtime/node/version.ts';

export interface EngineReport {
  readonly name: 'native' | 'ort' | 'reference';
  readonly precision?: string;
  readonly instructionSet?: string;
  /** Largest error of the self-test relative to the largest value. */
  readonly error?: number;
  readonly problem?: string;
  /** Instruction sets that the native library was built without. */
  readonly leftOut?: readonly string[];
}

/** Errors above this mean wrong arithmetic, not rounding. */
const largestError = 1e-5;

/** Of the native library that is there. */
async function leftOut(): Promise<readonly string[]> {
  const { findNativeLibrary } = await import('../runtime/node/native-library.ts');
  const { instructionSetsLeftOut } = await import('../runtime/node/native-engine.ts');
  return instructionSetsLeftOut(await findNativeLibrary());
}

async function examine(name: EngineReport['name'], say: (line: string) => void): Promise<EngineReport> {
  try {
    const { engine } = await chooseEngine({ name }, say);
    try {
      const error = await selfTest(engine);
      const sets = name === 'native' ? await leftOut() : [];
      const report = { ...engineRecord(engine), name, error, ...(sets.length > 0 ? { leftOut: sets } : {}) };
      if (error <= largestError) return report;
      return {
        ...report,
        problem: `the self-test is off by ${error.toExponential(1)}: do not trust its results`,
      };
    } finally {
      engine.close();
    }
  } catch (cause) {
    return { name, problem: cause instanceof Error ? cause.message : String(cause) };
  }
}

/** What is missing on this machine, or makes training slow, and what to do. */
export function adviceFor(machine: Machine, engines: readonly EngineReport[]): string[] {
  const { platform, instructionSets, freeBytes } = machine;
  const isBroken = (wanted: EngineReport['name']): boolean =>
    engines.some(({ name, problem }) => name === wanted && problem !== undefined);
  return [
    ...(isBroken('ort')
      ? [
          `${isBroken('native') ? 'Without the native engine and ONNX Runtime --engine auto cannot compute' : '--engine ort is missing'}: install the package again, on Linux x64 or ARM64, macOS ARM64, Windows x64 or ARM64.`,
        ]
      : []),
    ...(isBroken('native')
      ? [
          `--engine native is missing${isBroken('ort') ? '' : '; --engine auto takes ONNX Runtime'}. A clone of the repository builds it where a C++17 compiler is (c++, g++ or clang++, or the one that CXX names).`,
        ]
      : []),
    ...(isBroken('reference') ? ['The reference engine, which judges the others, is broken: report it.'] : []),
    ...(platform.endsWith('x64') && instructionSets !== undefined && !instructionSets.includes('avx2')
      ? ['The processor has no AVX2: training takes several times as long.']
      : []),
    ...(freeBytes < 4e9
      ? [`${formatBytes(freeBytes)} of memory are free: take a small --batch-size and --max-length.`]
      : []),
  ];
}

export function engineLine({ name, precision, instructionSet, error, problem, leftOut: sets }: EngineReport): string {
  if (problem !== undefined) return `engine ${name}: ${problem}`;
  const set = instructionSet === undefined ? '' : ` on ${instructionSet}`;
  const without = sets === undefined ? '' : `; built without ${sets.join(' and ')}, which its compiler does not know`;
  return `engine ${name}: works, ${precision}${set}, self-test off by ${error?.toExponential(1)}${without}`;
}

export const doctorCommand: Command = {
  name: 'doctor',
  about: 'Prints cores, instruction sets, memory and Node, and tests each engine on a small forward and backward pass.',
  options: [],
  stopsBySignal: false,
  async run(_args, context) {
    const machine = readMachine();
    const say = (line: string): void => context.err(`${line}\n`);
    const engines = [await examine('ort', say), await examine('native', say), await examine('reference', say)];
    const advice = adviceFor(machine, engines);
    const version = packageVersion();
    const browser = browserEngines(import.meta.url);
    if (context.json) {
      await context.out(
        `${JSON.stringify({ version, ...machine, instructionSets: machine.instructionSets ?? null, engines, browser, advice })}\n`,
      );
    } else {
      const lines = [
        `tuneloop ${version}, Node ${machine.node}, ${machine.platform}`,
        `processor: ${machine.processor}, ${machine.cores} cores`,
        `instruction sets: ${machine.instructionSets?.join(' ') ?? 'unknown on this platform'}`,
        `memory: ${formatBytes(machine.memoryBytes)}, ${formatBytes(machine.freeBytes)} free`,
        ...engines.map(engineLine),
        browser,
        ...(advice.length === 0 ? ['Everything is there.'] : advice),
      ];
      await context.out(`${lines.join('\n')}\n`);
    }
    return engines.some(({ name, problem }) => name !== 'reference' && problem === undefined) ? 0 : 1;
  },
};
