import { test } from 'node:test';
import { checkProperties } from '../../ir/properties/check.ts';
import { propertyGroups } from '../../ir/properties/groups.ts';
import { engineOf, found, instructionSets } from './engines.ts';

for (const set of instructionSets) {
  const [one, three] = [engineOf(set, 1), engineOf(set, 3)];
  test(
    `random operands with ${set}: the reference's numbers, forward and gradient, the same bits on one thread and three`,
    {
      skip: found.missing,
    },
    async (t) => {
      for (const properties of Object.values(propertyGroups)) {
        const options = { seconds: 0.5, least: 2, first: 7001, sameBits: true };
        t.diagnostic(await checkProperties(properties, [one(), three()], options));
      }
    },
  );
}
