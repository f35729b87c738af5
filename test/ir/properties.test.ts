import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGraph } from '../../src/ir/graph.ts';
import { ops } from '../../src/ir/ops/index.ts';
import { fastEngines } from '../runtime/engines.ts';
import { checkProperties } from './properties/check.ts';
import { drawn } from './properties/draw.ts';
import { propertyGroups } from './properties/groups.ts';

test('every op occurs in a property', () => {
  const found = new Set<string>();
  for (const property of Object.values(propertyGroups).flat()) {
    for (const seed of [1, 2, 3]) {
      for (const { op } of buildGraph(drawn(property, seed).outputs).nodes) found.add(op.name);
    }
  }
  assert.deepEqual(
    ops.map(({ name }) => name).filter((name) => !found.has(name)),
    [],
  );
});

for (const [name, properties] of Object.entries(propertyGroups)) {
  test(`random ${name}: every engine gives what the reference gives, forward and gradient`, async (t) => {
    t.diagnostic(await checkProperties(properties, fastEngines, { seconds: 3, least: 3 }));
  });
}
