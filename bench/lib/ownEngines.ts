import { findNativeLibrary } from '../../src/runtime/node/native-library.ts';
import { type Command, own } from './contestant.ts';

/** The option of benches in which several engines of ours take turns. */
export const ownOption = {
  own: {
    help: 'LIST of ours: ort or native, then what is chosen: fp32 or bf16, an instruction set, int8 or int4 for the base, tables for its embeddings and head too (decode); as ort-fp32, native-bf16, native-avx2, native-fp32-int8-tables',
    default: 'native-fp32',
  },
} as const;

const optionOf = (part: string): string => {
  if (part === 'fp32' || part === 'bf16') return '--precision';
  if (part === 'tables') return '--quantized';
  return part === 'int8' || part === 'int4' ? '--quantization' : '--instruction-set';
};

/** The processes of ours that the list names, in its order; the native library is built before they start. RangeError on what begins with no engine. */
export async function ownCommands(
  list: string | undefined,
  script: string,
  args: readonly string[],
): Promise<readonly Command[]> {
  const names = (list ?? '').split(',').filter((name) => name !== '');
  if (names.length === 0) throw new RangeError('Expected --own with one of ours or more but found none');
  const commands = names.map((name) => {
    const [engine = '', ...parts] = name.split('-');
    if (engine !== 'ort' && engine !== 'native')
      throw new RangeError(`Expected --own of names such as ort-fp32 and native-bf16 but found ${name}`);
    const chosen = parts.flatMap((part) => [optionOf(part), part]);
    return own(name, script, [...args, '--engine', engine, ...chosen]);
  });
  if (names.some((name) => name.startsWith('native'))) await findNativeLibrary({ say: console.log });
  return commands;
}
