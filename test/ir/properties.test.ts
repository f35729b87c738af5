import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGraph } from '../../src/ir/graph.ts';
import { ops } from '../../src/ir/ops/index.ts';
import { fastEngines } from '../runtime/engines.ts';
import { arrayProperties } from './properties/arrays.ts';
import { checkProperties } from './properties/check.ts';
import { drawn, type Property } from './properties/draw.ts';
import { extremeProperties } from './properties/extremes.ts';
import { layerProperties } from './properties/layers.ts';

const groups: Readonly<Record<string, readonly Property[]>> = {
  'ops of any shape': arrayProperties,
  'ops of operands that fit each other': layerProperties,
  'extremes and infinities': extremeProperties,
};

test('every op occurs in a property', () => {
  const found = new Set<string>();
  for (const property of Object.values(groups).flat()) {
    for (const seed of [1, 2, 3]) {
      for (const { op } of buildGraph(drawn(property, seed).outputs).nodes) found.add(op.name);
    }
  }
  assert.deepEqual(
    ops.map(({ name }) => name).filter((name) => !found.has(name)),
    [],
  );
});

for (const [name, properties] of Object.entries(groups)) {
  test(`random ${name}: every engine gives what the reference gives, forward and gradient`, async (t) => {
    t.diagnostic(await checkProperties(properties, fastEngines, { seconds: 4, least: 3 }));
  });
}
