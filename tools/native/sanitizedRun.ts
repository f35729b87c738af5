// Runs every sample of every op and random operands on a library that was built with a sanitizer, on every instruction set. Started by
// sanitize.ts, with the sanitizer's runtime loaded before Node.
import { nativeEngine } from '../../src/runtime/node/native-engine.ts';
import { loadNativeLibrary } from '../../src/runtime/node/native-library.ts';
import { checkProperties } from '../../test/ir/properties/check.ts';
import { propertyGroups } from '../../test/ir/properties/groups.ts';
import { bf16Cases, bf16Properties } from '../../test/runtime/native/bf16Cases.ts';
import { opCases, opError } from '../../test/runtime/opCases.ts';

const [library = '', draws = '10'] = process.argv.slice(2);
const setsOf = (bf16: number): string[] => loadNativeLibrary(library).tl_instruction_sets(bf16).split(',');
const bf16Sets = setsOf(1);

for (const instructionSet of [...setsOf(0), ...bf16Sets]) {
  const isBf16 = bf16Sets.includes(instructionSet);
  const cases = isBf16 ? bf16Cases : opCases;
  const engine = nativeEngine({ library, threads: 3, instructionSet });
  for (const each of cases) {
    const { error = 0 } = (await opError(engine, each)) ?? {};
    if (!(error <= each.tolerance)) throw new Error(`${each.name} on ${instructionSet}: relative error ${error}`);
  }
  let compared = 0;
  for (const properties of isBf16 ? [bf16Properties] : Object.values(propertyGroups)) {
    const said = await checkProperties(properties, [engine], { seconds: 0, least: Number(draws), first: 9001 });
    compared += Number(/(\d+) values/.exec(said)?.[1] ?? 0);
  }
  engine.close();
  console.log(`${instructionSet}: ${cases.length} samples and gradients, ${compared} values of random operands`);
}
