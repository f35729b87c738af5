import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nativeEngine } from '../../../src/runtime/node/native-engine.ts';
import { checkProperties } from '../../ir/properties/check.ts';
import { propertyGroups } from '../../ir/properties/groups.ts';
import { opCases, opError } from '../opCases.ts';
import { bf16Sets, engineOf, found, instructionSets } from './engines.ts';

/** Operands are rounded to 8 bits of mantissa; sums of probabilities and their gradients pass through two roundings. */
const bound = 2 ** -6;

const rounded = opCases.filter(({ name }) => /^(?:linear|attention|cachedAttention|vocabulary)/.test(name));
const others = opCases.filter((each) => !rounded.includes(each) && each.isFirst);

for (const set of bf16Sets) {
  const engine = engineOf(set);
  test(
    `bf16 with ${set}: layers, attention and the vocabulary within 2^-6 of the largest value`,
    { skip: found.missing },
    async () => {
      let worst = 0;
      for (const each of rounded) {
        const { error = 0, output } = (await opError(engine(), each)) ?? {};
        assert.ok(error <= bound, `${each.name}, ${output}: relative error ${error}`);
        worst = Math.max(worst, error);
      }
      assert.ok(worst > 2 ** -10, `nothing was rounded: ${worst}`);
    },
  );
  test(`bf16 with ${set}: all else in f32`, { skip: found.missing }, async () => {
    for (const each of others) {
      const { error = 0, output } = (await opError(engine(), each)) ?? {};
      assert.ok(error <= each.tolerance, `${each.name}, ${output}: relative error ${error}`);
    }
  });
  const threads = [engineOf(set, 1), engineOf(set, 3)];
  test(
    `bf16 with ${set}: random operands, the same bits on one thread and three`,
    { skip: found.missing },
    async (t) => {
      for (const group of ['attention', 'ops of operands that fit each other']) {
        const properties = propertyGroups[group] ?? [];
        const loose = properties.map((each) => ({ ...each, exact: false, identity: false, tolerance: 2 * bound }));
        const options = { seconds: 0.5, least: 2, first: 8001, sameBits: true };
        t.diagnostic(
          await checkProperties(
            loose,
            threads.map((open) => open()),
            options,
          ),
        );
      }
    },
  );
}

test('an instruction set of another precision is refused', { skip: found.missing }, () => {
  const [bf16 = ''] = bf16Sets;
  const [fp32 = ''] = instructionSets;
  const open = (precision: 'fp32' | 'bf16', instructionSet: string) => (): unknown =>
    nativeEngine({ library: found.library ?? '', precision, instructionSet });
  assert.throws(open('fp32', bf16), /Expected an instruction set of fp32 among .* but found .*bf16/);
  assert.throws(open('bf16', fp32), /Expected an instruction set of bf16 among .*bf16 but found/);
});
