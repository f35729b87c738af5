import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TrainExample } from '../../src/data/dataset.ts';
import { generate } from '../../src/loop/generate.ts';
import { type LoadedModel, openModel } from '../../src/loop/model.ts';
import { score } from '../../src/loop/score.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { collect, readFixture, sharedModel } from '../parity.ts';

interface Logprobs {
  rows: { ids: number[]; float32: (number | null)[]; float64: (number | null)[] }[];
}

interface Generations {
  rows: { promptIds: number[]; ids: number[]; margin: number; batchedIds?: number[] }[];
}

const path = sharedModel();
const skip = path === undefined ? 'no SmolLM2-135M-Instruct in the shared folder' : false;
const engine = ortEngine({ threads: 2 });
let loaded: LoadedModel | undefined;
before(async () => {
  if (path !== undefined) loaded = await openModel({ model: path, engine });
});
after(async () => {
  await loaded?.close();
  engine.close();
});

const model = (): LoadedModel => loaded ?? assert.fail('no model');
const logprobs = readFixture('smollm2/logprobs.json') as Logprobs;
const generations = readFixture('smollm2/generations.json') as Generations;

test("logprobs of the real model are within 5e-4 of transformers', in batches and alone", { skip }, async () => {
  const examples = logprobs.rows.map(({ ids }, index): TrainExample => ({
    index,
    ids: Int32Array.from(ids),
    mask: new Uint8Array(ids.length).fill(1),
  }));
  const batched = await collect(score(model(), examples.slice(0, 2), { batchSize: 2 }));
  const alone = await collect(score(model(), examples.slice(4, 5), { batchSize: 1 }));
  assert.equal(batched.length + alone.length, 3);
  for (const { index, logprobs: found } of [...batched, ...alone]) {
    const want = logprobs.rows[index]?.float64 ?? [];
    assert.equal(found.length, want.length);
    let worst = 0;
    for (let t = 1; t < want.length; t++)
      worst = Math.max(worst, Math.abs((found[t] ?? Number.NaN) - (want[t] ?? Number.NaN)));
    assert.ok(worst < 5e-4, `row ${index}: ${worst}`);
  }
});

test("greedy tokens of the real model are transformers', eight at once and alone", { skip }, async () => {
  const count = 16;
  const prompts = generations.rows.map(({ promptIds }, index) => ({ index, ids: promptIds }));
  const options = { maxNewTokens: count, temperature: 0, topK: 0, topP: 1, seed: 0 };
  const batched = await collect(generate(model(), prompts, { ...options, batchSize: 8 }));
  const alone = await collect(generate(model(), prompts.slice(0, 2), { ...options, batchSize: 1 }));
  assert.equal(batched.length, generations.rows.length);
  for (const { index, ids } of [...batched, ...alone])
    assert.deepEqual(ids, generations.rows[index]?.ids.slice(0, count), `prompt ${index}`);
});
