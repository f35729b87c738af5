import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Adapter } from '../../src/adapters/adapter.ts';
import { cola, colaUnit, linkEndingAt } from '../../src/adapters/cola.ts';
import { lora } from '../../src/adapters/lora.ts';
import { loraNames } from '../../src/adapters/loraModule.ts';
import { makeBatches } from '../../src/data/batches.ts';
import { makeCursor } from '../../src/data/cursor.ts';
import { readPeftFolder } from '../../src/hub/peft.ts';
import { type LoadedModel, openModel } from '../../src/loop/model.ts';
import { score } from '../../src/loop/score.ts';
import { languageTask } from '../../src/loop/task.ts';
import { makeTrainer, type Trainer } from '../../src/loop/trainer.ts';
import type { TaskModel } from '../../src/nn/model.ts';
import { sft } from '../../src/objectives/sft.ts';
import { adamw } from '../../src/optimizers/adamw.ts';
import { chain } from '../../src/optimizers/optimizer.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { mergeAdapter } from '../../src/surgery/merge.ts';
import { collect, examplesOf, fixture, relativeError } from '../parity.ts';

const root = await mkdtemp(join(tmpdir(), 'tuneloop-cola-'));
const engine = ortEngine({ threads: 1 });
after(async () => {
  engine.close();
  await rm(root, { recursive: true });
});

const model = fixture('models/default');
const rows = [0, 1, 2, 3].map((row) => Array.from({ length: 12 }, (_, i) => 3 + ((5 * i + 7 * row) % 50)));
const examples = examplesOf({ ids: rows, lengths: rows.map(() => 12) });
const config = colaUnit.schema.parse({
  type: 'cola',
  r: 2,
  alpha: 4,
  targetModules: ['q_proj', 'down_proj'],
  links: 3,
});

const open = (path: string, make: (made: TaskModel) => Adapter): Promise<LoadedModel> =>
  openModel({ model: path, engine, newAdapter: { make, seed: 3 } });

/** A trainer at a learning rate that stays, and the windows that it is given. */
async function trainerOf(
  loaded: LoadedModel,
  steps: number,
): Promise<{ trainer: Trainer; run: () => Promise<number> }> {
  const { attached } = loaded;
  assert.ok(attached);
  const optimizer = chain(adamw({ beta1: 0.9, beta2: 0.999, eps: 1e-2, weightDecay: 0 }));
  const task = languageTask(loaded, sft, { packing: false, loss: 'auto' });
  const updates = [{ name: 'sft', task, optimizer, learningRate: () => 0.05 }] as const;
  const trainer = await makeTrainer(loaded, { attached, updates, seed: 3, steps, recompute: false });
  const cursor = makeCursor(
    makeBatches(
      { count: examples.length, at: (i) => examples[i] ?? assert.fail(), lengthOf: () => 12 },
      { batchSize: 4 },
    ),
  );
  return { trainer, run: async () => (await trainer.run(cursor.next())).loss };
}

async function logprobsOf(loaded: LoadedModel): Promise<number[]> {
  const found = await collect(score(loaded, examples, { batchSize: 4 }));
  return found.flatMap(({ logprobs }) => logprobs.flatMap((value) => value ?? []));
}

test('links end at even shares of the steps', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7].map((step) => linkEndingAt(step, 7, 3)),
    [undefined, undefined, 1, undefined, 2, undefined, undefined],
  );
  assert.equal(linkEndingAt(1, 3, 1), undefined);
});

test('a link is LoRA with a new optimizer on the model with the links before merged into it', async () => {
  const chained = await open(model, (made) => cola(config, made));
  const { run } = await trainerOf(chained, 6);
  const losses = [await run(), await run()];
  const atKnot = await logprobsOf(chained);
  const folder = join(root, 'first');
  await chained.attached?.files.write(folder);
  const starts = new Map<string, Float32Array>();
  for (const { name, f32 } of chained.attached?.weights.members ?? []) starts.set(name, (await f32()).slice());
  assert.ok([...starts].every(([name, values]) => !name.includes('lora_B') || values.every((value) => value === 0)));
  losses.push(await run(), await run());

  const merged = join(root, 'merged');
  await mergeAdapter({ model, adapter: folder, out: merged });
  const single = await open(merged, (made) =>
    lora(
      {
        ...config,
        loraAlpha: config.alpha,
        loraDropout: 0,
        useRslora: false,
        rankPattern: {},
        alphaPattern: {},
        initLoraWeights: true,
      },
      made,
    ),
  );
  for (const { name, f32 } of single.attached?.weights.members ?? [])
    (await f32()).set(starts.get(name) ?? assert.fail(name));
  single.attached?.weights.flat.touch();
  assert.ok(relativeError(await logprobsOf(single), atKnot) < 1e-6, 'tying a knot changes nothing');
  const alone = await trainerOf(single, 2);
  const again = [await alone.run(), await alone.run()];
  assert.ok(relativeError(again, losses.slice(2)) < 1e-5, `${again.join(', ')} against ${losses.slice(2).join(', ')}`);
  await single.close();
  await chained.close();
});

test('the chain is saved as one LoRA of rank M r, which gives the same log-probabilities', async () => {
  const chained = await open(model, (made) => cola(config, made));
  const { run } = await trainerOf(chained, 6);
  for (let step = 0; step < 6; step++) await run();
  const folder = join(root, 'whole');
  await chained.attached?.files.write(folder);
  const { config: json, tensors } = await readPeftFolder(folder);
  assert.deepEqual([json['peft_type'], json['r'], json['lora_alpha']], ['LORA', 6, 12]);
  const { a, b } = loraNames('model.layers.0.self_attn.q_proj');
  assert.deepEqual([tensors.get(a)?.shape[0], tensors.get(b)?.shape[1]], [6, 6]);
  const links = [0, 1, 2].map((link) =>
    tensors.get(b)?.values.some((value, i) => Math.floor((i % 6) / 2) === link && value !== 0),
  );
  assert.deepEqual(links, [true, true, true]);
  const loaded = await openModel({ model, adapter: folder, engine });
  assert.ok(relativeError(await logprobsOf(loaded), await logprobsOf(chained)) < 1e-6);
  await loaded.close();
  await chained.close();
});
