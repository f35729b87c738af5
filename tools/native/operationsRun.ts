// Runs every sample of every op and random operands on one instruction set of a native library: `operationsRun.ts LIBRARY SET DRAWS`.
// Without a set it prints the library's sets. Started by check.ts, where a sanitizer's runtime or an emulator is beneath.
import { nativeEngine, instructionSetsOf } from '../../src/runtime/node/native-engine.ts';
import { checkProperties } from '../../test/ir/properties/check.ts';
import { propertyGroups } from '../../test/ir/properties/groups.ts';
import { bf16Cases, bf16Properties } from '../../test/runtime/native/bf16Cases.ts';
import { opCases, opError } from '../../test/runtime/opCases.ts';

const [library = '', instructionSet, draws = '10'] = process.argv.slice(2);
const bf16Sets = instructionSetsOf(library, 'bf16');

async function check(set: string): Promise<string> {
  const isBf16 = bf16Sets.includes(set);
  const cases = isBf16 ? bf16Cases : opCases;
  const engine = nativeEngine({ library, threads: 3, instructionSet: set });
  for (const each of cases) {
    const { error = 0 } = (await opError(engine, each)) ?? {};
    if (!(error <= each.tolerance)) throw new Error(`${each.name} on ${set}: relative error ${error}`);
  }
  let compared = 0;
  for (const properties of isBf16 ? [bf16Properties] : Object.values(propertyGroups)) {
    const said = await checkProperties(properties, [engine], { seconds: 0, least: Number(draws), first: 9001 });
    compared += Number(/(\d+) values/.exec(said)?.[1] ?? 0);
  }
  engine.close();
  return `${cases.length} samples and gradients, ${compared} values of random operands`;
}

console.log(
  instructionSet === undefined
    ? [...instructionSetsOf(library, 'fp32'), ...bf16Sets].join('\n')
    : await check(instructionSet),
);
