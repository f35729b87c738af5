import { writeFileSync } from 'node:fs';
import { readMachine } from '../../src/cli/machine.ts';
import { onnxRuntimeVersion } from '../../src/runtime/node/library.ts';

export interface Conditions {
  readonly processor: string;
  readonly cores: number;
  readonly instructionSets: readonly string[] | undefined;
  readonly threads: number;
  readonly node: string;
  readonly onnxruntime: string;
  readonly date: string;
}

/** On what and when something was measured. */
export function conditions(threads: number): Conditions {
  const { processor, cores, instructionSets, node } = readMachine();
  return {
    processor,
    cores,
    instructionSets,
    threads,
    node,
    onnxruntime: onnxRuntimeVersion,
    date: new Date().toISOString(),
  };
}

export function printConditions({ processor, cores, instructionSets, threads, node, onnxruntime }: Conditions): void {
  console.log(`${processor}, ${cores} cores, ${instructionSets?.join(' ') ?? 'instruction sets unknown'}`);
  console.log(`${threads} threads, Node ${node}, ONNX Runtime ${onnxruntime}`);
}

/** Writes a result as JSON where a file was asked for. */
export function writeResult(file: string | undefined, result: object): void {
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}
