import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openMergedWeights } from '../../src/adapters/mergedWeights.ts';
import { pairProbes } from '../../src/probes/index.ts';
import { intruderDims } from '../../src/probes/intruderDims.ts';
import { linalgPool } from '../../src/runtime/node/linalg-pool.ts';

const at = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const model = at('models/default');
const linalg = linalgPool({ threads: 1 });
after(() => linalg.close());

for (const probe of pairProbes) {
  test(`${probe.type} of a model beside itself is ${probe.zero}`, async () => {
    const [before, same] = [await openMergedWeights({ model }), await openMergedWeights({ model })];
    const { value } = await probe.measure({ before, after: same }, probe.schema.parse({}), { linalg });
    assert.equal(value, probe.zero);
    await before.close();
    await same.close();
  });
}

test('counts follow the threshold and name the layers that an adapter changed', async () => {
  const before = await openMergedWeights({ model });
  const tuned = await openMergedWeights({ model, adapter: at('lora/patterns') });
  const measure = (epsilon: number, topK = 10) =>
    intruderDims.measure({ before, after: tuned }, { epsilon, topK }, { linalg });
  const none = await measure(0);
  const some = await measure(0.5);
  const all = await measure(1, 3);
  assert.equal(none.value, 0);
  const names = Object.keys(some.places);
  assert.ok(names.length > 0 && names.every((name) => /(q_proj|v_proj|gate_proj|down_proj)\.weight$/.test(name)));
  const similarities = Object.values(some.places).flatMap((place) => place['similarities'] as readonly number[]);
  assert.equal(some.value, similarities.filter((similarity) => similarity < 0.5).length);
  assert.equal(all.value, names.length * 3);
  const first = await intruderDims.measure(
    { before, after: tuned },
    { epsilon: 0.5, topK: 10, layers: [1] },
    { linalg },
  );
  const ofFirst = Object.entries(some.places).filter(([name]) => name.includes('.layers.1.'));
  assert.ok(ofFirst.length > 0 && ofFirst.length < names.length);
  assert.deepEqual(first.places, Object.fromEntries(ofFirst));
  await assert.rejects(
    intruderDims.measure({ before, after: tuned }, { epsilon: 0.5, topK: 10, layers: [0, 9] }, { linalg }),
    /layers: expected numbers of blocks of .*, at most \d, but found 9/,
  );
  assert.ok(similarities.every((similarity) => similarity > 0 && similarity <= 1 + 1e-12));
  await before.close();
  await tuned.close();
});
