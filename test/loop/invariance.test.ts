import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Adapter } from '../../src/adapters/adapter.ts';
import { lora } from '../../src/adapters/lora.ts';
import { collate, makeBatches } from '../../src/data/batches.ts';
import { makeCursor } from '../../src/data/cursor.ts';
import { examplesOf, type TrainExample } from '../../src/data/examples.ts';
import { permutation, randomKey } from '../../src/ir/random.ts';
import type { TaskModel } from '../../src/nn/model.ts';
import { openModel } from '../../src/loop/model.ts';
import { trainGraph } from '../../src/loop/programs.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { meanLoss } from '../../src/loop/score.ts';
import { makeTrainer } from '../../src/loop/trainer.ts';
import { languageTask } from '../../src/loop/task.ts';
import { sft } from '../../src/objectives/sft.ts';
import { adamw } from '../../src/optimizers/adamw.ts';
import { clipByGlobalNorm } from '../../src/optimizers/clipByGlobalNorm.ts';
import { chain } from '../../src/optimizers/optimizer.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { fastEngines } from '../runtime/engines.ts';
import { fixture, readFixture, relativeError } from '../parity.ts';

const engine = ortEngine({ threads: 2 });
after(() => engine.close());

/** Eight examples of 5 to 40 tokens of which about half are learned. */
const examples: readonly TrainExample[] = Array.from({ length: 8 }, (_, index) => {
  const ids = permutation(320, randomKey(1, 'ids', index)).subarray(0, 5 + 5 * index);
  const mask = Uint8Array.from(ids, (id, t) => (t > 0 && (id % 2 === 0 || t === 1) ? 1 : 0));
  return { index, ids, mask };
});

interface Plan {
  readonly batchSize: number;
  readonly accumulation: number;
  readonly packed?: boolean;
  readonly dropout?: number;
  readonly recompute?: boolean;
  readonly seed?: number;
}

interface Outcome {
  readonly losses: number[];
  readonly norms: number[];
  readonly weights: ReadonlyMap<string, Float32Array>;
}

// A large ε: else an element whose gradient is all but rounding takes a whole step either way.
const rule = { beta1: 0.9, beta2: 0.999, eps: 1e-2, weightDecay: 0.01 };

const adapterOn =
  (dropout: number) =>
  (model: TaskModel): Adapter =>
    lora(
      {
        r: 4,
        loraAlpha: 8,
        loraDropout: dropout,
        useRslora: false,
        targetModules: 'all-linear',
        rankPattern: {},
        alphaPattern: {},
        initLoraWeights: true,
      },
      model,
    );

/** Trains for three epochs of one step. */
async function train(plan: Plan): Promise<Outcome> {
  const { batchSize, accumulation, packed = false, dropout = 0, recompute = false, seed = 7 } = plan;
  const loaded = await openModel({
    model: fixture('models/chat'),
    newAdapter: { make: adapterOn(dropout), seed },
    engine,
  });
  const { attached } = loaded;
  assert.ok(attached);
  const optimizer = chain(clipByGlobalNorm(1), adamw(rule));
  const updates = [
    {
      name: 'sft',
      task: languageTask(loaded, sft, { packing: packed, loss: 'auto' }),
      optimizer,
      learningRate: () => 1e-2,
    },
  ] as const;
  const trainer = await makeTrainer(loaded, { attached, updates, seed, recompute });
  const cursor = makeCursor(
    makeBatches(examplesOf(examples), { batchSize, padMultiple: 16, ...(packed ? { packLength: 64 } : {}) }),
    accumulation,
  );
  assert.equal(cursor.windowsPerEpoch, 1);
  const [losses, norms]: [number[], number[]] = [[], []];
  for (let step = 0; step < 3; step++) {
    const { loss, gradNorm } = await trainer.run(cursor.next());
    losses.push(loss);
    norms.push(gradNorm);
  }
  const weights = new Map<string, Float32Array>();
  for (const member of attached.weights.members) weights.set(member.name, (await member.f32()).slice());
  await loaded.close();
  return { losses, norms, weights };
}

function near(found: Outcome, expected: Outcome, tolerance: number): void {
  const moved = [...expected.weights].map(([name, want]) => relativeError(found.weights.get(name) ?? [], want));
  const errors = [
    relativeError(found.losses, expected.losses),
    relativeError(found.norms, expected.norms),
    Math.max(...moved),
  ];
  assert.ok(
    errors.every((error) => error < tolerance),
    `losses, norms, weights differ by ${errors.join(', ')}`,
  );
}

for (const dropout of [0, 0.3]) {
  const named = dropout > 0 ? `, dropout ${dropout}` : '';
  const whole = train({ batchSize: 8, accumulation: 1, dropout });

  test(`one batch of 8 = 8 accumulated batches of 1 = 3 of 3, 3, 2${named}`, async () => {
    near(await train({ batchSize: 1, accumulation: 8, dropout }), await whole, 1e-5);
    near(await train({ batchSize: 3, accumulation: 3, dropout }), await whole, 1e-5);
  });

  test(`packed = unpacked${named}`, async () => {
    near(await train({ batchSize: 8, accumulation: 1, packed: true, dropout }), await whole, 1e-5);
    near(await train({ batchSize: 2, accumulation: 4, packed: true, dropout }), await whole, 1e-5);
  });

  test(`gradient checkpointing changes nothing${named}`, async () => {
    near(await train({ batchSize: 8, accumulation: 1, recompute: true, dropout }), await whole, 1e-6);
    near(await train({ batchSize: 2, accumulation: 4, packed: true, recompute: true, dropout }), await whole, 1e-5);
  });

  test(`the same seed gives the same bits, another seed others${named}`, async () => {
    assert.deepEqual(await train({ batchSize: 8, accumulation: 1, dropout }), await whole);
    assert.notDeepEqual(
      (await train({ batchSize: 8, accumulation: 1, dropout, seed: 8 })).weights,
      (await whole).weights,
    );
  });
}

for (const each of fastEngines) {
  test(`gradient checkpointing takes less memory on ${each.name}`, async () => {
    const config = { ...(readFixture('models/chat/config.json') as Record<string, never>), num_hidden_layers: 8 };
    const model = languageModel(config);
    const shape = { batch: 4, length: 128, packed: false };
    const bytesOf = async (recompute: boolean): Promise<number> => {
      const graph = trainGraph(model, adapterOn(0)(model), sft, shape, { accumulate: false, recompute });
      return (await each.plan(graph)).scratchBytes;
    };
    const [kept, again] = [await bytesOf(false), await bytesOf(true)];
    assert.ok(again < 0.6 * kept, `${again} bytes against ${kept}`);
  });
}

test('dropout drops', async () => {
  const [dropped, kept] = [
    await train({ batchSize: 8, accumulation: 1, dropout: 0.3 }),
    await train({ batchSize: 8, accumulation: 1 }),
  ];
  assert.equal(dropped.losses[0], kept.losses[0], 'B is zero at the start');
  assert.ok(relativeError([dropped.losses[2] ?? 0], [kept.losses[2] ?? 0]) > 1e-6);
  assert.notDeepEqual(dropped.weights, kept.weights);
});

test('an evaluation is the same in one batch, row by row and packed', async () => {
  const loaded = await openModel({ model: fixture('models/chat'), engine });
  const rows = examples.map((example) => [example]);
  const whole = await meanLoss(loaded, [collate(rows, 48, 0)], false);
  const single = await meanLoss(
    loaded,
    rows.map((row) => collate([row], 64, 5)),
    false,
  );
  const packed = await meanLoss(
    loaded,
    [collate([examples.slice(0, 4), examples.slice(4, 6), examples.slice(6)], 96, 0)],
    true,
  );
  await loaded.close();
  assert.equal(whole.supervisedTokens, single.supervisedTokens);
  assert.equal(whole.supervisedTokens, packed.supervisedTokens);
  assert.ok(relativeError([single.loss, packed.loss], [whole.loss, whole.loss]) < 1e-6);
});
