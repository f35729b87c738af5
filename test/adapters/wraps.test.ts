import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Adapter, AdapterParameter } from '../../src/adapters/adapter.ts';
import { collate } from '../../src/data/batches.ts';
import { normal } from '../../src/ir/dense.ts';
import { gradients } from '../../src/ir/grad.ts';
import { at, buildGraph, type Graph, input, parameter, type Value } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { constant } from '../../src/ir/ops/constant.ts';
import { concat } from '../../src/ir/ops/concat.ts';
import { linear } from '../../src/ir/ops/linear.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { mean } from '../../src/ir/ops/reduceMean.ts';
import { broadcastTo } from '../../src/ir/ops/broadcastTo.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { reshape } from '../../src/ir/ops/reshape.ts';
import { silu } from '../../src/ir/ops/silu.ts';
import { slice } from '../../src/ir/ops/slice.ts';
import { softmax } from '../../src/ir/ops/softmax.ts';
import { div } from '../../src/ir/ops/div.ts';
import { arange } from '../../src/ir/ops/arange.ts';
import type { Dense } from '../../src/ir/types.ts';
import { tokenFeeds } from '../../src/loop/feeds.ts';
import { type LoadedModel, openModel } from '../../src/loop/model.ts';
import { emissionNames, gradientName, trainGraph } from '../../src/loop/programs.ts';
import { startDecoding } from '../../src/loop/decoding.ts';
import { score } from '../../src/loop/score.ts';
import { convolutionLayer } from '../../src/nn/layers.ts';
import { type Sites, wrapSites } from '../../src/nn/sites.ts';
import { sft } from '../../src/objectives/sft.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { weightStore } from '../../src/runtime/weights.ts';
import { collect, fixture, relativeError } from '../parity.ts';

const engine = ortEngine({ threads: 1 });
after(() => engine.close());

const drawn = (name: string, shape: readonly number[]): AdapterParameter => ({
  name,
  shape,
  decays: true,
  initialize: async (values, { key, random }) => {
    await random.fillNormal(values, key);
    for (let i = 0; i < values.length; i++) values[i] = 0.3 * (values[i] ?? 0);
  },
});

const adapterOf = (
  parameters: readonly AdapterParameter[],
  sites: Adapter['sites'],
  more: Partial<Adapter> = {},
): Adapter => ({ type: 'test', parameters, drops: false, sites, merges: { cannot: 'it is a test' }, ...more });

/** Low-rank terms, one computed with the product and one beside it. */
const lowRank = adapterOf(
  ['q_proj', 'down_proj'].flatMap((name) => [
    drawn(`${name} a`, [2, name === 'q_proj' ? 16 : 24]),
    drawn(`${name} b`, [16, 2]),
  ]),
  ({ param }) =>
    wrapSites({
      linear: (operands, base, name) => {
        if (name === 'model.layers.0.self_attn.q_proj')
          return base({ ...operands, lowRank: { a: param('q_proj a'), b: param('q_proj b'), scale: 0.5 } });
        if (name !== 'model.layers.1.mlp.down_proj') return base(operands);
        return add(base(operands), linear(linear(operands.x, param('down_proj a')), param('down_proj b')));
      },
    }),
);

const routed = 'model.layers.1.mlp.up_proj';

/** Two experts beside a layer, a router between them, its loss of balance, its share and a running mean of its load. */
const mixture = adapterOf(
  [
    drawn('router', [2, 16]),
    ...[0, 1].flatMap((expert) => [drawn(`a ${expert}`, [2, 16]), drawn(`b ${expert}`, [24, 2])]),
  ],
  ({ param, emissions, training }) =>
    wrapSites({
      linear: (operands, base, name) => {
        if (name !== routed) return base(operands);
        const gates = softmax(linear(operands.x, param('router')));
        const experts = [0, 1].map((expert) =>
          mul(
            slice(gates, 2, expert, expert + 1),
            linear(linear(operands.x, param(`a ${expert}`)), param(`b ${expert}`)),
          ),
        );
        if (training) {
          const weights = reshape(training.weights, [...training.weights.type.shape, 1]);
          const load = div(sum(mul(gates, weights), [0, 1]), sum(weights));
          emissions.emit({ kind: 'loss', name: 'balance', value: mul(sum(mul(load, load)), 2), weight: 0.1 });
          emissions.emit({ kind: 'metric', name: 'share', value: reshape(slice(load, 0, 0, 1), []) });
          emissions.emit({ kind: 'state', name: 'load', value: add(mul(param('load'), 0.9), mul(load, 0.1)) });
        }
        return experts.reduce((y, each) => add(y, each), base(operands));
      },
    }),
  { states: [{ name: 'load', shape: [2], initialize: async (values) => void values.fill(0.5) }] },
);

/** Learned keys and values before every sequence of every layer, beside what is added to all keys. */
const prompt = adapterOf(
  [0, 1].flatMap((layer) => [
    drawn(`prompt keys ${layer}`, [3, 1, 8]),
    drawn(`prompt values ${layer}`, [3, 1, 8]),
    drawn(`prompt shift ${layer}`, [8]),
  ]),
  ({ param }) =>
    wrapSites({
      attention: (operands, base, name) => {
        const layer = name.includes('layers.0.') ? 0 : 1;
        return base({
          ...operands,
          k: add(operands.k, param(`prompt shift ${layer}`)),
          prefix: { keys: param(`prompt keys ${layer}`), values: param(`prompt values ${layer}`) },
        });
      },
    }),
  { prefixTokens: 3 },
);

/** Learned tokens before the embedded ones, cut off the hidden states again; only where no cache is. */
const soft = adapterOf([drawn('tokens', [2, 16])], ({ param }) =>
  wrapSites({
    input: (operands, base) => {
      const [batch, time] = operands.x.type.shape as [number, number, number];
      const before = broadcastTo(reshape(param('tokens'), [1, 2, 16]), [batch, 2, 16]);
      const first = broadcastTo(reshape(arange(2), [1, 2]), [batch, 2]);
      const positions = concat([first, add(operands.positions, constant('i32', [], [2]))], 1);
      const y = base({
        ...operands,
        x: concat([before, operands.x], 1),
        positions,
        positionLimit: operands.positionLimit + 2,
      });
      return slice(y, 1, 2, time + 2);
    },
    head: (operands, base) => base({ ...operands, x: mul(operands.x, 1.5) }),
    norm: (operands, base, name) =>
      base(name === 'model.norm' ? { ...operands, weight: mul(operands.weight, 0.7) } : operands),
  }),
);

const open = (adapter: Adapter): Promise<LoadedModel> =>
  openModel({ model: fixture('architectures/qwen2'), newAdapter: { make: () => adapter, seed: 5 }, engine });

const rows = [
  { index: 0, ids: Int32Array.of(4, 9, 31, 7, 22, 8, 12), mask: Uint8Array.of(0, 0, 1, 1, 1, 1, 1) },
  { index: 1, ids: Int32Array.of(6, 33, 17, 40), mask: Uint8Array.of(0, 1, 1, 1) },
];

async function leavesOf({ leaves }: Graph, feeds: Record<string, Dense>, store: LoadedModel['store']) {
  const values: Record<string, Dense> = {};
  for (const { name, kind, type } of leaves) {
    const data = kind === 'parameter' ? await store.get(name).f32() : (feeds[name]?.data ?? assert.fail(name));
    values[name] = { ...type, data: Float64Array.from(data) };
  }
  return values;
}

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

test('a key-value prompt stands before every one of packed rows', async () => {
  const loaded = await open(prompt);
  const normalizer = tensor('f32', [], [1]);
  const options = { accumulate: false, recompute: false };
  const results = [];
  for (const packed of [false, true]) {
    const batch = collate(packed ? [rows] : rows.map((row) => [row]), packed ? 12 : 8, 0);
    const shape = { batch: batch.batch, length: batch.length, packed };
    const graph = trainGraph(loaded.model, prompt, sft, shape, options);
    const feeds = { ...tokenFeeds(batch, packed), normalizer };
    results.push(evaluate(graph, await leavesOf(graph, feeds as unknown as Record<string, Dense>, loaded.store)));
  }
  await loaded.close();
  const [alone, together] = results;
  for (const [name, { data }] of Object.entries(alone ?? {}))
    assert.ok(relativeError(together?.[name]?.data ?? [], data) < 1e-10, name);
});

test('a key-value prompt lies in the cache while tokens are generated: logits as without one', async () => {
  const loaded = await open(prompt);
  const prompts = [
    [4, 9, 31, 7, 22],
    [6, 33, 17],
  ];
  // As many as fill the cache without the prompt in it.
  const further = prompts.map((_, row) => Array.from({ length: 59 }, (_each, step) => (7 * step + 13 * row) % 48));
  const decoding = startDecoding(loaded, prompts, { maxNewTokens: 59, logits: true });
  const steps = [(await decoding.prefill()).logits ?? assert.fail()];
  for (let step = 0; step < 58; step++)
    steps.push((await decoding.append(further.map((row) => row[step] ?? 0))).logits ?? assert.fail());
  const examples = prompts.map((ids, index) => {
    const all = [...ids, ...at(further, index)].slice(0, 63);
    return { index, ids: Int32Array.from(all), mask: new Uint8Array(all.length).fill(1) };
  });
  const scored = await collect(score(loaded, examples, { batchSize: 2 }));
  await loaded.close();
  prompts.forEach((ids, row) => {
    at(further, row)
      .slice(0, 63 - ids.length)
      .forEach((token, step) => {
        const logits = Float64Array.from(at(steps, step).subarray(row * 48, (row + 1) * 48));
        const total = Math.log(logits.reduce((sums, value) => sums + Math.exp(value), 0));
        const want = at(scored, row).logprobs[ids.length + step] ?? Number.NaN;
        assert.ok(Math.abs((logits[token] ?? 0) - total - want) < 1e-5, `row ${row}, step ${step}`);
      });
  });
});

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
