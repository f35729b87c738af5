import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Adapter } from '../../src/adapters/adapter.ts';
import { collate } from '../../src/data/batches.ts';
import { normal } from '../../src/ir/dense.ts';
import { gradients } from '../../src/ir/grad.ts';
import { at, buildGraph, type Graph, input, parameter, type Value } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { mean } from '../../src/ir/ops/reduceMean.ts';
import { silu } from '../../src/ir/ops/silu.ts';
import type { Dense } from '../../src/ir/types.ts';
import { tokenFeeds } from '../../src/loop/feeds.ts';
import { type LoadedModel, openModel } from '../../src/loop/model.ts';
import { emissionNames, gradientName, trainGraph } from '../../src/loop/programs.ts';
import { convolutionLayer } from '../../src/nn/layers.ts';
import { type Sites, wrapSites } from '../../src/nn/sites.ts';
import { sft } from '../../src/objectives/sft.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { weightStore } from '../../src/runtime/weights.ts';
import { fixture, relativeError } from '../parity.ts';
import { leavesOf, lowRank, mixture, prompt, rows, soft } from './exampleAdapters.ts';

const engine = ortEngine({ threads: 1 });
after(() => engine.close());

const open = (adapter: Adapter): Promise<LoadedModel> =>
  openModel({ model: fixture('architectures/qwen2'), newAdapter: { make: () => adapter, seed: 5 }, engine });

/** Slopes of the loss along random directions against gradients, in f64. */
function assertSlopes(
  graph: Graph,
  leaves: Record<string, Dense>,
  names: readonly string[],
  loss: (leaves: Record<string, Dense>) => number,
) {
  const exact = evaluate(graph, leaves);
  for (const [seed, name] of names.entries()) {
    const { data, ...type } = leaves[name] ?? assert.fail(name);
    const direction = normal(type.shape, seed + 1).data;
    const moved = (by: number): number =>
      loss({ ...leaves, [name]: { ...type, data: data.map((value, i) => value + by * (direction[i] ?? 0)) } });
    const slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
    const gradient = exact[gradientName(name)]?.data ?? assert.fail(name);
    const along = gradient.reduce((total, value, i) => total + value * (direction[i] ?? 0), 0);
    const size = Math.sqrt(gradient.reduce((total, value) => total + value * value, 0));
    assert.ok(size > 1e-6, `${name}: the loss depends on it`);
    assert.ok(Math.abs(slope - along) < 1e-6 * size, `${name}: ${along} against ${slope}`);
  }
  return exact;
}

for (const [name, adapter] of Object.entries({
  'low-rank terms': lowRank,
  mixture,
  'key-value prompt': prompt,
  soft,
})) {
  for (const recompute of [false, true]) {
    test(`${name}${recompute ? ', recomputed' : ''}: gradients are slopes in f64, and ONNX Runtime's results the reference's`, async () => {
      const loaded = await open(adapter);
      const batch = collate(
        rows.map((row) => [row]),
        8,
        0,
      );
      const shape = { batch: 2, length: 8, packed: false };
      const graph = trainGraph(loaded.model, adapter, sft, shape, { accumulate: false, recompute });
      const feeds = { ...tokenFeeds(batch, false), normalizer: tensor('f32', [], [1 / batch.supervisedTokens]) };
      const leaves = await leavesOf(graph, feeds as unknown as Record<string, Dense>, loaded.store);
      const lossOnly = buildGraph({ loss: graph.outputs.get('loss') ?? assert.fail() });
      const lossOf = (values: Record<string, Dense>): number => {
        const own = Object.fromEntries(lossOnly.leaves.map((leaf) => [leaf.name, values[leaf.name] ?? assert.fail()]));
        return evaluate(lossOnly, own)['loss']?.data[0] ?? Number.NaN;
      };
      const names = adapter.parameters.map((each) => each.name);
      const exact = assertSlopes(graph, leaves, names, lossOf);
      const program = await loaded.programs.get('train', () => graph);
      const found = await program.run(feeds);
      for (const [output, { data }] of Object.entries(found))
        assert.ok(relativeError(data, exact[output]?.data ?? []) < 1e-5, output);
      if (adapter === mixture) {
        const share = exact[emissionNames.metric('share')]?.data[0] ?? 0;
        assert.ok(share > 0.01 && share < 0.99);
        const balance = 2 * (share ** 2 + (1 - share) ** 2);
        assert.ok(Math.abs((exact[emissionNames.loss('balance')]?.data[0] ?? 0) - balance) < 1e-9);
        // The state is written where it lies.
        const load = await loaded.store.get('load').f32();
        assert.ok(Math.abs((load[0] ?? 0) - (0.45 + 0.1 * share)) < 1e-6);
      }
      await loaded.close();
    });
  }
}

test('a scale and a shift on a convolution: gradients are slopes in f64, and ONNX Runtime gives them too', async () => {
  const shapes: Record<string, readonly number[]> = {
    'one.weight': [4, 2, 3, 3],
    'one.bias': [4],
    'two.weight': [4, 2, 3, 3],
    'one.scale': [4, 1, 1],
    'one.shift': [4, 1, 1],
    'two.scale': [4, 1, 1],
    'two.shift': [4, 1, 1],
  };
  const leaves = new Map(Object.entries(shapes).map(([name, shape]) => [name, parameter(name, shape)]));
  const param = (name: string): Value => leaves.get(name) ?? assert.fail(name);
  const sites: Sites = wrapSites({
    convolution: (operands, base, name) => add(mul(base(operands), param(`${name}.scale`)), param(`${name}.shift`)),
  });
  const x = input('x', 'f32', [2, 2, 6, 6]);
  const first = silu(convolutionLayer({ param, sites }, 'one', x, { biased: true, padding: 1 }));
  const second = convolutionLayer({ param, sites }, 'two', first, { biased: false, stride: 2, groups: 2 });
  const loss = mean(mul(second, second));
  const names = Object.keys(shapes).filter((name) => /scale|shift/.test(name));
  const found = gradients(loss, names.map(param));
  const outputs = Object.fromEntries(names.map((name, i) => [gradientName(name), at(found, i)]));
  const graph = buildGraph({ loss, ...outputs });
  const values = Object.fromEntries(graph.leaves.map(({ name, type }, i) => [name, normal(type.shape, 20 + i, 0.5)]));
  const exact = assertSlopes(graph, values, names, (moved) => evaluate(graph, moved)['loss']?.data[0] ?? Number.NaN);
  const program = await engine.load(graph);
  const weights = weightStore().allocate(
    'weights',
    Object.entries(shapes).map(([name, shape]) => ({ name, shape })),
  );
  for (const handle of weights.members) {
    (await handle.f32()).set(values[handle.name]?.data ?? assert.fail());
    program.bind(handle.name, handle);
  }
  const results = await program.run({ x: tensor('f32', [2, 2, 6, 6], values['x']?.data ?? []) });
  program.release();
  for (const [name, { data }] of Object.entries(results))
    assert.ok(relativeError(data, exact[name]?.data ?? []) < 1e-5, name);
});
