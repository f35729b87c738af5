import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Adapter } from '../../src/adapters/adapter.ts';
import { collate } from '../../src/data/batches.ts';
import { at } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { scalar } from '../../src/ir/ops/constant.ts';
import { div } from '../../src/ir/ops/div.ts';
import { linear } from '../../src/ir/ops/linear.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { mean } from '../../src/ir/ops/reduceMean.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { reshape } from '../../src/ir/ops/reshape.ts';
import type { Dense } from '../../src/ir/types.ts';
import { readsOf } from '../../src/loop/classifierReads.ts';
import { startDecoding } from '../../src/loop/decoding.ts';
import { tokenFeeds } from '../../src/loop/feeds.ts';
import { type LoadedModel, openClassifier, openModel } from '../../src/loop/model.ts';
import { emissionNames, lossGraph, trainGraph } from '../../src/loop/programs.ts';
import { score } from '../../src/loop/score.ts';
import { languageTask } from '../../src/loop/task.ts';
import { makeTrainer } from '../../src/loop/trainer.ts';
import { wrapSites } from '../../src/nn/sites.ts';
import { sft } from '../../src/objectives/sft.ts';
import { chain } from '../../src/optimizers/optimizer.ts';
import { sgd } from '../../src/optimizers/sgd.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { collect, evaluateExactly, fixture, relativeError } from '../parity.ts';
import { adapterOf, drawn, leavesOf, prompt, routed, rows } from './exampleAdapters.ts';

const engine = ortEngine({ threads: 1 });
after(() => engine.close());

const open = (adapter: Adapter): Promise<LoadedModel> =>
  openModel({ model: fixture('architectures/qwen2'), newAdapter: { make: () => adapter, seed: 5 }, engine });

test('a term that is a mean over tokens counts alike in one batch and in two accumulated ones; the state takes each', async () => {
  const penalty = adapterOf(
    [drawn('a', [2, 16]), drawn('b', [24, 2])],
    ({ param, emissions, training }) =>
      wrapSites({
        linear: (operands, base, name) => {
          if (name !== routed) return base(operands);
          const y = linear(linear(operands.x, param('a')), param('b'));
          if (training) {
            const weights = reshape(training.weights, [...training.weights.type.shape, 1]);
            const size = div(sum(mul(mul(y, y), weights)), sum(weights));
            emissions.emit({ kind: 'loss', name: 'size', value: size, weight: 0.5 });
            emissions.emit({ kind: 'metric', name: 'size', value: size });
            emissions.emit({ kind: 'state', name: 'passes', value: add(param('passes'), 1) });
          }
          return add(base(operands), y);
        },
      }),
    { states: [{ name: 'passes', shape: [1], initialize: async (values) => void values.fill(0) }] },
  );
  const outcomes = [];
  for (const parts of [[rows], rows.map((row) => [row])]) {
    const loaded = await open(penalty);
    const attached = loaded.attached ?? assert.fail();
    const task = languageTask(loaded, sft, { packing: false, loss: 'auto' });
    const optimizer = chain(sgd({ momentum: 0, nesterov: false, weightDecay: 0 }));
    const update = { name: 'sft', task, optimizer, learningRate: () => 0.1 };
    const trainer = await makeTrainer(loaded, { attached, updates: [update], seed: 0, recompute: false });
    const batches = parts.map((part) =>
      collate(
        part.map((row) => [row]),
        8,
        0,
      ),
    );
    const total = (of: 'tokens' | 'supervisedTokens'): number => batches.reduce((all, each) => all + each[of], 0);
    const window = {
      batches,
      epoch: 0,
      endsEpoch: false,
      tokens: total('tokens'),
      supervisedTokens: total('supervisedTokens'),
    };
    const { loss, terms, metrics } = await trainer.run(window);
    const [flat, passes] = [await attached.weights.flat.f32(), await loaded.store.get('passes').f32()];
    outcomes.push({ figures: [loss, terms['size'], metrics['size']], weights: flat.slice(), passes: passes[0] });
    await loaded.close();
  }
  const [whole, accumulated] = outcomes;
  assert.deepEqual([whole?.passes, accumulated?.passes], [1, 2]);
  assert.ok((whole?.figures[1] ?? 0) > 0.01);
  assert.ok(relativeError(accumulated?.figures.map(Number) ?? [], whole?.figures.map(Number) ?? []) < 1e-6);
  assert.ok(relativeError(accumulated?.weights ?? [], whole?.weights ?? []) < 1e-6);
});

test("what a wrap emits inside of a classifier's recomputed blocks counts as without recomputing", async () => {
  const module = 'bert.encoder.layer.1.attention.self.query';
  const penalty = adapterOf([drawn('a', [2, 16]), drawn('b', [16, 2])], ({ param, emissions, training }) =>
    wrapSites({
      linear: (operands, base, name) => {
        if (name !== module) return base(operands);
        const y = linear(linear(operands.x, param('a')), param('b'));
        if (training) emissions.emit({ kind: 'loss', name: 'size', value: mean(mul(y, y)), weight: 0.5 });
        return add(base(operands), y);
      },
    }),
  );
  const model = fixture('classifiers/bert');
  const loaded = await openClassifier({ model, newAdapter: { make: () => penalty, seed: 5 }, engine });
  const results: Record<string, Dense>[] = [];
  for (const recompute of [false, true]) {
    const { logits, param, emitted } = readsOf(loaded).forward(
      penalty,
      { batch: 2, length: 4 },
      { training: true, recompute },
    );
    const graph = lossGraph({ total: sum(logits), weight: scalar(2), param, emitted }, penalty, { accumulate: false });
    const i32 = (values: number[]) => tensor('i32', [2, 4], values);
    const feeds = {
      ids: i32([2, 9, 14, 3, 2, 22, 3, 0]),
      positions: i32([0, 1, 2, 3, 0, 1, 2, 3]),
      segments: i32([0, 0, 0, 0, 0, 0, 0, -1]),
      'token types': i32([0, 0, 0, 0, 0, 0, 0, 0]),
      places: tensor('i32', [2], [0, 4]),
      normalizer: tensor('f32', [], [0.5]),
    };
    results.push(await evaluateExactly(graph, feeds, loaded.store));
  }
  await loaded.close();
  const [kept, again] = results;
  assert.ok((kept?.[emissionNames.loss('size')]?.data[0] ?? 0) > 0.01);
  for (const [name, { data }] of Object.entries(kept ?? {}))
    assert.ok(relativeError(again?.[name]?.data ?? [], data) < 1e-12, name);
});

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
