import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { writeCheckpoint } from '../../src/hub/writeCheckpoint.ts';
import { openModel } from '../../src/loop/model.ts';
import { score } from '../../src/loop/score.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { f32Source } from '../../src/runtime/tensor-source.ts';
import { mergeAdapter } from '../../src/surgery/merge.ts';

const fixtures = new URL('../fixtures/', import.meta.url);
const base = new URL('models/default', fixtures).pathname;
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-merge-'));
const engine = ortEngine({ threads: 1 });
after(() => {
  engine.close();
  rmSync(folder, { recursive: true });
});

interface Expected {
  ids: number[][];
  lengths: number[];
  logprobs: { float32: (number | null)[][] };
}

for (const name of readdirSync(new URL('lora/', fixtures)).filter(
  (entry) => !['targets.json', 'training'].includes(entry),
)) {
  test(`${name}: the merged checkpoint scores as base and adapter do in PEFT`, async () => {
    const out = join(folder, name);
    const summary = await mergeAdapter({ model: base, adapter: new URL(`lora/${name}`, fixtures).pathname, out });
    assert.ok(summary.merged > 0);
    assert.deepEqual(summary.storage, ['f32']);
    const expected: Expected = JSON.parse(readFileSync(new URL(`lora/${name}/expected.json`, fixtures), 'utf8'));
    const loaded = await openModel({ model: out, engine });
    const examples = expected.ids.map((ids, index) => ({
      index,
      ids: Int32Array.from(ids.slice(0, expected.lengths[index])),
      mask: new Uint8Array(ids.length).fill(1),
    }));
    for await (const { index, logprobs } of score(loaded, examples, { batchSize: 2 })) {
      logprobs.forEach((value, t) => {
        const want = expected.logprobs.float32[index]?.[t];
        if (typeof value === 'number' && typeof want === 'number')
          assert.ok(Math.abs(value - want) < 1e-4, `${index}, ${t}: ${value} against ${want}`);
        else assert.equal(value, want);
      });
    }
    await loaded.close();
  });
}

test('a base of several files stays one: the same tensors in each, a head of its own in the last', async () => {
  const model = new URL('models/sharded', fixtures).pathname;
  const out = join(folder, 'shards');
  await mergeAdapter({ model, adapter: new URL('lora/all-linear', fixtures).pathname, out });
  const placed = (path: string): Record<string, string> =>
    (
      JSON.parse(readFileSync(join(path, 'model.safetensors.index.json'), 'utf8')) as {
        weight_map: Record<string, string>;
      }
    ).weight_map;
  assert.deepEqual(placed(out), placed(model));
  const files = (path: string): string[] => readdirSync(path).filter((name) => name.startsWith('model'));
  assert.deepEqual(files(out), files(model));
  const tied = { 'model.embed_tokens.weight': 'a-1.safetensors', 'model.norm.weight': 'a-2.safetensors' };
  const values = new Map(
    [...Object.keys(tied), 'lm_head.weight'].map((name) => [name, f32Source(name, [2], new Float32Array(2))]),
  );
  const shards = new Map(Object.entries(tied));
  await writeCheckpoint(join(folder, 'untied'), values.values(), { config: {}, shards });
  assert.equal(placed(join(folder, 'untied'))['lm_head.weight'], 'a-2.safetensors');
  const odd = new Map([...shards, ['model.norm.weight', 'deep/a.safetensors']]);
  await writeCheckpoint(join(folder, 'odd'), values.values(), { config: {}, shards: odd });
  assert.deepEqual(files(join(folder, 'odd')), ['model.safetensors']);
});

test('an existing folder and an adapter for another model are refused, and nothing is left behind', async () => {
  const adapter = new URL('lora/all-linear', fixtures).pathname;
  await assert.rejects(mergeAdapter({ model: base, adapter, out: folder }));
  const other = new URL('models/wide-heads', fixtures).pathname;
  await assert.rejects(mergeAdapter({ model: other, adapter, out: join(folder, 'other') }), /expected shape|Expected/);
  assert.ok(!readdirSync(folder).some((entry) => entry.startsWith('other')));
});
