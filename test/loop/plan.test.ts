import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openModel } from '../../src/loop/model.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';
import { planRun, type RunPlan } from '../../src/loop/plan.ts';
import { languageTask } from '../../src/loop/task.ts';
import { sft } from '../../src/objectives/sft.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';

const nano = fileURLToPath(new URL('../../assets/nano', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-plan-'));
const reference = referenceEngine();
after(() => {
  reference.close();
  rmSync(folder, { recursive: true });
});
const [data, held] = ['data.jsonl', 'held.jsonl'].map((name, set) => {
  const path = join(folder, name);
  const rows = Array.from({ length: 9 }, (_, i) => ({
    text: `${set} the cat sat on a mat `.repeat(1 + ((i * 5) % 9)),
  }));
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}) as [string, string];

async function planOf(slowToLoad: boolean): Promise<RunPlan> {
  const loaded = await openModel({ model: nano, engine: { ...reference, slowToLoad } });
  const config = parseConfig({ model: { path: nano }, data: { path: data, evalPath: held }, train: { batchSize: 2 } });
  try {
    return await planRun(config, languageTask(loaded, sft, { packing: false, loss: 'auto' }));
  } finally {
    await loaded.close();
  }
}

test('held-out rows of like length are read together, each of them once, the longest first', async () => {
  const { evaluation, evalShape, evalPlaces } = await planOf(false);
  const batches = [...(evaluation?.() ?? [])];
  assert.deepEqual(
    batches.flatMap(({ rowIndexes }) => rowIndexes.flat()).toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  );
  const lengths = batches.map(({ length }) => length);
  assert.deepEqual(
    lengths,
    lengths.toSorted((a, b) => b - a),
  );
  assert.ok(new Set(lengths).size > 2);
  assert.deepEqual(evalShape, { batch: 2, length: lengths[0] });
  assert.equal(
    evalPlaces,
    batches.reduce((sum, { batch, length }) => sum + batch * length, 0),
  );
});

test('rows are padded to fewer lengths where the engine is slow to load a program', async () => {
  const [quick, slow] = [await planOf(false), await planOf(true)];
  assert.ok(quick.trainShape.length > 64 && quick.trainShape.length % 64 !== 0);
  assert.equal(slow.trainShape.length, Math.ceil(quick.trainShape.length / 64) * 64);
  assert.ok(quick.evalPlaces < slow.evalPlaces);
});
