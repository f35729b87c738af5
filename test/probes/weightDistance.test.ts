import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openMergedWeights, readValues } from '../../src/adapters/mergedWeights.ts';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { writeCheckpoint } from '../../src/hub/writeCheckpoint.ts';
import { weightDistances } from '../../src/probes/weightDistance.ts';
import { f32Source } from '../../src/runtime/tensor-source.ts';
import { fixture } from '../parity.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-distance-'));
after(() => rmSync(folder, { recursive: true }));
const model = fixture('models/default');

test('weights that are a tenth larger in one layer moved by a tenth there', async () => {
  const checkpoint = await openCheckpoint(model);
  const scaled = await Promise.all(
    [...checkpoint.tensors.values()].map(async (source) => {
      const values = await readValues(source);
      const factor = source.name.includes('layers.1.') ? 1.1 : 1;
      return f32Source(
        source.name,
        source.shape,
        values.map((value) => factor * value),
      );
    }),
  );
  const path = join(folder, 'scaled');
  await writeCheckpoint(path, scaled, checkpoint);
  await checkpoint.close();
  const [before, moved] = [await openMergedWeights({ model }), await openMergedWeights({ model: path })];
  const { value, places } = await weightDistances({ before, after: moved });
  assert.ok(Math.abs(Number(places['layers.1']?.['distance']) - 0.1) < 1e-6);
  assert.equal(places['layers.0']?.['distance'], 0);
  assert.ok(value > 0 && value < 0.1);
  await before.close();
  await moved.close();
});

test('an adapter moves the layers that it changes', async () => {
  cpSync(fixture('lora/patterns'), join(folder, 'adapter'), { recursive: true });
  const before = await openMergedWeights({ model });
  const tuned = await openMergedWeights({ model, adapter: join(folder, 'adapter') });
  const { value, places } = await weightDistances({ before, after: tuned });
  let [moved, norm] = [0, 0];
  for (const { source, base } of tuned.tensors) {
    const [from, to] = [await readValues(base), await readValues(source)];
    from.forEach((each, i) => {
      moved += ((to[i] ?? 0) - each) ** 2;
      norm += each ** 2;
    });
  }
  assert.ok(Math.abs(value - Math.sqrt(moved / norm)) < 1e-12 && value > 0);
  assert.ok(Object.keys(places).some((name) => name.startsWith('layers.')));
  await before.close();
  await tuned.close();
});
