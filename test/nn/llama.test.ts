import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { buildGraph, input, parameter } from '../../src/ir/graph.ts';
import { reshape } from '../../src/ir/ops/reshape.ts';
import { tokenLogprobs } from '../../src/ir/ops/tokenLogprobs.ts';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { fieldsOf } from '../../src/nn/fields.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { ropeFrequencies } from '../../src/nn/rope.ts';
import { plainSites } from '../../src/nn/sites.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { weightStore } from '../../src/runtime/weights.ts';

interface Expected {
  ids: number[][];
  lengths: number[];
  logprobs: { float32: (number | null)[][]; float64: (number | null)[][] };
  rope: { inverseFrequencies: number[]; attentionFactor: number };
}

const folder = new URL('../fixtures/models/', import.meta.url);
const names = readdirSync(folder).filter((name) => name !== 'chat');
const engines: readonly Engine[] = [referenceEngine(), ortEngine({ threads: 2 })];
after(() => engines.forEach((engine) => engine.close()));

const expectedOf = (name: string): Expected =>
  JSON.parse(readFileSync(new URL(`${name}/expected.json`, folder), 'utf8'));
const configOf = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`${name}/config.json`, folder), 'utf8'));

async function logprobs(engine: Engine, name: string, { ids, lengths }: Expected): Promise<number[][]> {
  const checkpoint = await openCheckpoint(new URL(name, folder).pathname);
  const model = languageModel(checkpoint.config);
  const [batch, time] = [ids.length, ids[0]?.length ?? 0];
  const store = weightStore();
  for (const source of checkpoint.tensors.values()) store.add(source);
  const leaves = new Map(model.parameters.map(({ name: leaf, shape }) => [leaf, parameter(leaf, shape)]));
  const param = (leaf: string) => leaves.get(leaf) ?? assert.fail(leaf);
  const feed = (leaf: string) => input(leaf, 'i32', [batch, time]);
  const { hidden } = model.hidden({
    param,
    ids: feed('ids'),
    positions: feed('positions'),
    segments: null,
    positionLimit: time,
    sites: plainSites,
  });
  const rows = reshape(hidden, [batch * time, model.hiddenSize]);
  const graph = buildGraph({
    logprobs: tokenLogprobs(rows, param(model.head), input('targets', 'i32', [batch * time])),
  });
  const program = await engine.load(graph);
  for (const leaf of graph.leaves) if (leaf.kind === 'parameter') program.bind(leaf.name, store.get(leaf.name));
  const flat = (values: number[][]) => tensor('i32', [batch, time], values.flat());
  const { logprobs: found } = await program.run({
    ids: flat(ids),
    positions: flat(ids.map((row) => row.map((_, t) => t))),
    targets: tensor(
      'i32',
      [batch * time],
      ids.flatMap((row) => [...row.slice(1), 0]),
    ),
  });
  program.release();
  await checkpoint.close();
  return lengths.map((length, row) =>
    Array.from({ length: length - 1 }, (_, t) => found?.data[row * time + t] ?? Number.NaN),
  );
}

for (const name of names) {
  test(`${name}: rotary frequencies equal transformers'`, () => {
    const { rope } = expectedOf(name);
    const config = configOf(name);
    const width = (config['head_dim'] as number | undefined) ?? 8;
    const { inverseFrequencies, attentionFactor } = ropeFrequencies(
      fieldsOf(config, 'config.json'),
      width,
      config['max_position_embeddings'] as number,
    );
    assert.equal(inverseFrequencies.length, rope.inverseFrequencies.length);
    inverseFrequencies.forEach((theta, i) => {
      const want = rope.inverseFrequencies[i] ?? Number.NaN;
      assert.ok(Math.abs(theta - want) <= 3e-7 * want, `${i}: ${theta} against ${want}`);
    });
    assert.ok(Math.abs(attentionFactor - rope.attentionFactor) < 1e-6);
  });
  for (const engine of engines) {
    test(`${name}: logprobs on ${engine.name} within 1e-4 of transformers'`, async () => {
      const expected = expectedOf(name);
      const found = await logprobs(engine, name, expected);
      const precise = engine.precision === 'f64' ? expected.logprobs.float64 : expected.logprobs.float32;
      found.forEach((row, r) =>
        row.forEach((value, t) => {
          const want = precise[r]?.[t + 1];
          assert.ok(
            typeof want === 'number' && Math.abs(value - want) < 1e-4,
            `row ${r}, token ${t + 1}: ${value} against ${want}`,
          );
        }),
      );
    });
  }
}
