import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { full } from '../../src/adapters/full.ts';
import { collate } from '../../src/data/batches.ts';
import { at } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { tokenFeeds } from '../../src/loop/feeds.ts';
import { openModel } from '../../src/loop/model.ts';
import { trainGraph } from '../../src/loop/programs.ts';
import type { Objective } from '../../src/objectives/objective.ts';
import { sft } from '../../src/objectives/sft.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { evaluateExactly, fixture, relativeError } from '../parity.ts';

const engine = ortEngine({ threads: 2 });
after(() => engine.close());

const open = () => openModel({ model: fixture('models/default'), adapter: fixture('lora/all-linear'), engine });
const shape = { batch: 1, length: 8, packed: false };
const plain = { accumulate: false, recompute: false };

/** KL to the base model beside a bonus for entropy: what RLHF's penalties are made of. */
const anchored: Objective<'klToReference' | 'entropy'> = {
  type: 'anchored',
  reduction: 'token',
  statistics: ['klToReference', 'entropy'],
  losses: ({ klToReference, entropy }) => add(klToReference, mul(entropy, -1e-3)),
};

const countOf = (graph: ReturnType<typeof trainGraph>, op: string): number =>
  graph.nodes.filter((node) => node.op.name === op).length;

test('a train program computes the statistics that the objective names, and no other', async () => {
  const loaded = await open();
  const adapter = loaded.attached?.adapter ?? assert.fail();
  const [plainStep, anchoredStep] = [sft, anchored].map((objective) =>
    trainGraph(loaded.model, adapter, objective, shape, plain),
  ) as [ReturnType<typeof trainGraph>, ReturnType<typeof trainGraph>];
  const asked = (graph: typeof plainStep): unknown =>
    graph.nodes.find((node) => node.op.name === 'vocabularyStatistics')?.attrs['statistics'];
  assert.deepEqual(asked(plainStep), ['logprobs']);
  assert.deepEqual(asked(anchoredStep), ['klToReference', 'entropy']);
  assert.equal(countOf(plainStep, 'attention'), loaded.model.layers);
  assert.equal(countOf(anchoredStep, 'attention'), 2 * loaded.model.layers);
  assert.equal(countOf(anchoredStep, 'attentionGrad'), loaded.model.layers, 'no gradient of the reference');
  await loaded.close();
});

test('the reference is the model without its adapter: its KL is 0 where the factors are', async () => {
  const loaded = await open();
  const { adapter, weights } = loaded.attached ?? assert.fail();
  const objective: Objective<'klToReference'> = {
    ...anchored,
    statistics: ['klToReference'],
    losses: ({ klToReference }) => klToReference,
  };
  const graph = trainGraph(loaded.model, adapter, objective, shape, plain);
  const example = { index: 0, ids: Int32Array.of(3, 9, 4, 1, 7), mask: Uint8Array.of(1, 1, 1, 1, 1) };
  const feeds = { ...tokenFeeds(collate([[example]], 8, 0), false), normalizer: tensor('f32', [], [0.25]) };
  const program = await loaded.programs.get('anchored', () => graph);
  const found = await program.run(feeds);
  const expected = await evaluateExactly(graph, feeds, loaded.store);
  assert.ok((expected['loss']?.data[0] ?? 0) > 1e-3, `loss ${expected['loss']?.data[0]}`);
  for (const [name, { data }] of Object.entries(expected))
    assert.ok(relativeError(found[name]?.data ?? [], data) < 1e-5, name);
  (await weights.flat.f32()).fill(0);
  weights.flat.touch();
  assert.ok(Math.abs((await program.run(feeds))['loss']?.data[0] ?? 1) < 1e-6);
  await loaded.close();
});

test('training the base itself leaves no reference, and says so', async () => {
  const loaded = await open();
  assert.throws(
    () => trainGraph(loaded.model, full(loaded.model), anchored, shape, plain),
    /Expected a frozen base for klToReference/,
  );
  assert.equal(at(sft.statistics, 0), 'logprobs');
  await loaded.close();
});
