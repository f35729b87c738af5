import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { collate } from '../../src/data/batches.ts';
import type { Window } from '../../src/data/cursor.ts';
import { tokenFeeds } from '../../src/loop/feeds.ts';
import { type LoadedModel, openModel } from '../../src/loop/model.ts';
import { gradientName, trainGraph } from '../../src/loop/programs.ts';
import { languageTask } from '../../src/loop/task.ts';
import { makeTrainer, type Trainer } from '../../src/loop/trainer.ts';
import { checkUpdates, type Update } from '../../src/loop/update.ts';
import { sft } from '../../src/objectives/sft.ts';
import { adamw } from '../../src/optimizers/adamw.ts';
import { chain } from '../../src/optimizers/optimizer.ts';
import { sgd } from '../../src/optimizers/sgd.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { evaluateExactly, fixture } from '../parity.ts';

const engine = ortEngine({ threads: 1 });
after(() => engine.close());

const rows = [
  { index: 0, ids: Int32Array.of(4, 9, 31, 7, 22, 8, 12), mask: Uint8Array.of(0, 0, 1, 1, 1, 1, 1) },
  { index: 1, ids: Int32Array.of(6, 33, 17, 40), mask: Uint8Array.of(0, 1, 1, 1) },
];
const batch = collate(
  rows.map((row) => [row]),
  8,
  0,
);
const { tokens, supervisedTokens } = batch;
const window: Window = { batches: [batch], epoch: 0, endsEpoch: false, tokens, supervisedTokens };

const isBias = (name: string): boolean => name.endsWith('.bias');

/** Factors at every step by AdamW, biases at every second by SGD with momentum. */
async function open(): Promise<{
  loaded: LoadedModel;
  trainer: Trainer;
  values: () => Promise<Map<string, Float32Array>>;
}> {
  const adapter = fixture('lora_options/bias-lora-only');
  const loaded = await openModel({ model: fixture('architectures/qwen2'), adapter, engine });
  const attached = loaded.attached ?? assert.fail();
  const task = languageTask(loaded, sft, { packing: false, loss: 'auto' });
  const factors: Update = {
    name: 'factors',
    task,
    parameters: (name) => !isBias(name),
    optimizer: chain(adamw({ beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.1 })),
    learningRate: () => 0.01,
  };
  const biases: Update = {
    name: 'biases',
    task,
    parameters: isBias,
    optimizer: chain(sgd({ momentum: 0.9, nesterov: false, weightDecay: 0.1 })),
    learningRate: (step) => 0.5 / (step + 1),
    every: 2,
  };
  const trainer = await makeTrainer(loaded, { attached, updates: [factors, biases], seed: 0, recompute: false });
  const values = async () => {
    const found = new Map<string, Float32Array>();
    for (const { name, f32 } of attached.weights.members) found.set(name, (await f32()).slice());
    return found;
  };
  return { loaded, trainer, values };
}

/** Gradients in f64 at the weights as they are. */
async function gradientsOf(loaded: LoadedModel): Promise<(name: string) => ArrayLike<number>> {
  const adapter = loaded.attached?.adapter ?? assert.fail();
  const shape = { batch: 2, length: 8, packed: false };
  const graph = trainGraph(loaded.model, adapter, sft, shape, { accumulate: false, recompute: false });
  const feeds = { ...tokenFeeds(batch, false), normalizer: tensor('f32', [], [1 / supervisedTokens]) };
  const results = await evaluateExactly(graph, feeds, loaded.store);
  return (name) => results[gradientName(name)]?.data ?? assert.fail(name);
}

function assertClose(found: ArrayLike<number> | undefined, want: ArrayLike<number>, name: string): void {
  assert.equal(found?.length, want.length);
  for (let i = 0; i < want.length; i++)
    assert.ok(Math.abs((found?.[i] ?? Number.NaN) - Number(want[i])) < 2e-6, `${name} ${i}: ${found?.[i]}, ${want[i]}`);
}

test('two updates of one step: each by its own optimizer and rate, in order, and only when it is due', async () => {
  const { loaded, trainer, values } = await open();
  const momentum = new Map<string, Float64Array>();
  for (let step = 0; step < 3; step++) {
    const before = await values();
    const first = await gradientsOf(loaded);
    const outcome = await trainer.run(window);
    const now = await values();
    assert.deepEqual(Object.keys(outcome.updates), step === 1 ? [] : ['biases']);
    if (step === 1) {
      for (const [name, value] of now) if (isBias(name)) assert.deepEqual(value, before.get(name), name);
      continue;
    }
    assert.equal(outcome.learningRate, 0.01);
    assert.equal(outcome.updates['biases']?.learningRate, 0.5 / (step + 1));
    assert.ok((outcome.updates['biases']?.loss ?? 1) < outcome.loss, 'the second sees what the first did');
    // The second update's gradients are those at the new factors and the old biases.
    for (const { name, f32 } of loaded.attached?.weights.members ?? [])
      if (isBias(name)) (await f32()).set(before.get(name) ?? []);
    const second = await gradientsOf(loaded);
    for (const { name, f32 } of loaded.attached?.weights.members ?? []) {
      const own = before.get(name) ?? assert.fail();
      if (!isBias(name)) {
        if (step > 0) continue;
        const g = first(name);
        assertClose(
          now.get(name),
          own.map((value, i) => value * (1 - 0.001) - (0.01 * Number(g[i])) / (Math.abs(Number(g[i])) + 1e-8)),
          name,
        );
        continue;
      }
      (await f32()).set(now.get(name) ?? []);
      const past = momentum.get(name) ?? new Float64Array(own.length);
      const moved = past.map((value, i) => 0.9 * value + Number(second(name)[i]));
      momentum.set(name, moved);
      const rate = 0.5 / (step + 1);
      // Biases do not decay.
      assertClose(
        now.get(name),
        Float64Array.from(own, (value, i) => value - rate * (moved[i] ?? 0)),
        name,
      );
    }
  }
  await loaded.close();
});

test('resumed between two updates of different pace equals unbroken, bit for bit', async () => {
  const { loaded, trainer, values } = await open();
  for (let step = 0; step < 3; step++) await trainer.run(window);
  const [weights, saved] = [await values(), new Map<string, Awaited<ReturnType<Trainer['units'][number]['save']>>>()];
  for (const unit of trainer.units) {
    const { tensors, ...rest } = await unit.save();
    saved.set(unit.name, {
      ...rest,
      ...(tensors && { tensors: new Map([...tensors].map(([name, each]) => [name, each.slice()])) }),
    });
  }
  for (let step = 0; step < 3; step++) await trainer.run(window);
  const unbroken = await values();
  await loaded.close();
  const again = await open();
  for (const { name, f32 } of again.loaded.attached?.weights.members ?? []) (await f32()).set(weights.get(name) ?? []);
  for (const unit of again.trainer.units) await unit.load(saved.get(unit.name) ?? assert.fail(unit.name));
  for (let step = 0; step < 3; step++) await again.trainer.run(window);
  assert.deepEqual(await again.values(), unbroken);
  await again.loaded.close();
});

test('updates that leave a parameter out, share one, or do not come at whole steps are refused by name', () => {
  const update = (name: string, parameters?: Update['parameters'], every?: number): Update =>
    ({ name, ...(parameters && { parameters }), ...(every !== undefined && { every }) }) as Update;
  const check =
    (...updates: Update[]) =>
    () =>
      checkUpdates(updates, ['a', 'b']);
  assert.doesNotThrow(
    check(
      update('x', (name) => name === 'a'),
      update('y', (name) => name === 'b', 3),
    ),
  );
  assert.throws(check(update('x', (name) => name === 'a')), /Expected one update of b but found none/);
  assert.throws(
    check(
      update('x'),
      update('y', (name) => name === 'b'),
    ),
    /one update of b but found x and y/,
  );
  assert.throws(check(update('x', undefined, 2)), /first update at every step but found every 2/);
  assert.throws(
    check(
      update('x', (name) => name === 'a'),
      update('x', (name) => name === 'b'),
    ),
    /found x twice/,
  );
  assert.throws(
    check(
      update('x', (name) => name === 'a'),
      update('y', (name) => name === 'b', 0.5),
    ),
    /whole number of steps for y but found 0\.5/,
  );
});
