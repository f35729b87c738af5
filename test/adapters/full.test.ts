import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { full } from '../../src/adapters/full.ts';
import { assetPath } from '../../src/cli/assets.ts';
import { collate } from '../../src/data/batches.ts';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { openFile } from '../../src/hub/files.ts';
import { readSafetensors } from '../../src/hub/safetensors.ts';
import { randomKey } from '../../src/ir/random.ts';
import type { TuneEvent } from '../../src/loop/events.ts';
import { type LoadedModel, openModel } from '../../src/loop/model.ts';
import { newCheckpoint } from '../../src/loop/newCheckpoint.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';
import { gradientName } from '../../src/loop/programs.ts';
import { newRunFolder, openRunFolder } from '../../src/loop/runFolder.ts';
import { makeTrainer } from '../../src/loop/trainer.ts';
import { tune } from '../../src/loop/tune.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { languageTask } from '../../src/loop/task.ts';
import { sft } from '../../src/objectives/sft.ts';
import { adamw } from '../../src/optimizers/adamw.ts';
import { chain } from '../../src/optimizers/optimizer.ts';
import { runHere } from '../../src/runtime/linalg/job.ts';
import { linearAlgebra } from '../../src/runtime/linalg/service.ts';
import { randomService } from '../../src/runtime/random.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';

interface Expected {
  readonly ids: number[][];
  readonly lengths: number[];
  readonly lossMask: number[][];
  readonly loss: number;
}

const fixtures = new URL('../fixtures/', import.meta.url).pathname;
const scratch = mkdtempSync(join(tmpdir(), 'tuneloop-full-'));
const engines: readonly Engine[] = [referenceEngine(), ortEngine({ threads: 1 })];
after(() => {
  engines.forEach((engine) => engine.close());
  rmSync(scratch, { recursive: true });
});

async function valuesIn(path: string): Promise<Map<string, Float32Array>> {
  const file = await openFile(path);
  try {
    const values = new Map<string, Float32Array>();
    for (const [name, source] of (await readSafetensors(file)).tensors) {
      const array = new Float32Array(source.shape.reduce((product, size) => product * size, 1));
      await source.readF32(array);
      values.set(name, array);
    }
    return values;
  } finally {
    await file.close();
  }
}

/** Loss and gradients by name of one step at learning rate 0. */
async function step(loaded: LoadedModel, { ids, lengths, lossMask }: Expected) {
  if (!loaded.attached) return assert.fail('nothing is trained');
  const trainer = await makeTrainer(loaded, {
    attached: loaded.attached,
    updates: [
      {
        name: 'sft',
        task: languageTask(loaded, sft, { packing: false, loss: 'auto' }),
        optimizer: chain(adamw({ beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 })),
        learningRate: () => 0,
      },
    ],
    seed: 1,
    recompute: false,
  });
  const rows = ids.map((row, index) => {
    const length = lengths[index] ?? 0;
    return [
      {
        index,
        ids: Int32Array.from(row.slice(0, length)),
        mask: Uint8Array.from((lossMask[index] ?? []).slice(0, length)),
      },
    ];
  });
  const batch = collate(rows, 16, 0);
  const window = {
    batches: [batch],
    epoch: 0,
    tokens: batch.tokens,
    supervisedTokens: batch.supervisedTokens,
    endsEpoch: false,
  };
  const { loss } = await trainer.run(window);
  const gradients = new Map<string, Float32Array>();
  for (const { name } of loaded.model.parameters) gradients.set(name, await loaded.store.get(gradientName(name)).f32());
  return { loss, gradients };
}

for (const engine of engines) {
  for (const name of ['default', 'tied', 'bias']) {
    test(`gradients of all parameters of ${name} are PyTorch's in f64 (${engine.name})`, async () => {
      const expected = JSON.parse(readFileSync(join(fixtures, `full/${name}.json`), 'utf8')) as Expected;
      const exact = await valuesIn(join(fixtures, `full/${name}.safetensors`));
      const loaded = await openModel({
        model: join(fixtures, 'models', name),
        engine,
        newAdapter: { make: full, seed: 0 },
      });
      const { loss, gradients } = await step(loaded, expected);
      await loaded.close();
      assert.ok(Math.abs(loss - expected.loss) < 1e-5, `loss ${loss}, expected ${expected.loss}`);
      assert.deepEqual([...gradients.keys()].sort(), [...exact.keys()].sort());
      const bound = engine.precision === 'f64' ? 1e-6 : 1e-4;
      for (const [parameter, wanted] of exact) {
        const found = gradients.get(parameter) ?? assert.fail(parameter);
        assert.equal(found.length, wanted.length);
        const off = Math.hypot(...wanted.map((value, i) => value - (found[i] ?? NaN)));
        const norm = Math.hypot(...wanted);
        assert.ok(norm > 0 || parameter.endsWith('k_proj.bias'), parameter);
        assert.ok(off <= bound * Math.max(norm, 1e-3), `${parameter}: off by ${off} of ${norm}`);
      }
    });
  }
}

test('new parameters are drawn as the architecture says, from seed and name alone', async () => {
  const config = JSON.parse(readFileSync(join(fixtures, 'models/bias/config.json'), 'utf8')) as Record<string, unknown>;
  const { parameters } = full(languageModel({ ...config, initializer_range: 0.05 }));
  const linalg = linearAlgebra(runHere());
  for (const { name, shape, initialize } of parameters) {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    await initialize(values, { key: randomKey(7, name), random: randomService(), base: () => assert.fail(), linalg });
    const rms = Math.hypot(...values) / Math.sqrt(values.length);
    if (name.endsWith('norm.weight'))
      assert.ok(
        values.every((value) => value === 1),
        name,
      );
    else if (name.endsWith('bias'))
      assert.ok(
        values.every((value) => value === 0),
        name,
      );
    else assert.ok(Math.abs(rms - 0.05) < 0.05 * (3 / Math.sqrt(values.length)), `${name}: ${rms}`);
  }
});

const lines = Array.from({ length: 12 }, (_, i) =>
  JSON.stringify({ prompt: `say ${i} `, completion: `${i + 1} and ${i}` }),
).join('\n');

function configFor(maxSteps: number, model: string) {
  writeFileSync(join(scratch, 'data.jsonl'), lines);
  return parseConfig({
    model: { path: model },
    data: { path: join(scratch, 'data.jsonl'), maxLength: 64 },
    adapter: { type: 'none' },
    optimizer: { learningRate: 1e-2 },
    schedule: { type: 'constant' },
    train: { batchSize: 4, maxSteps, saveSteps: 2 },
  });
}

test('a full run writes a model in the storage of its base and goes on bit for bit', async () => {
  const base = join(scratch, 'base');
  const chat = await openCheckpoint(join(fixtures, 'models/chat'));
  assert.ok(chat.tokenizer);
  await newCheckpoint(base, { config: { ...chat.config, dtype: 'float32' }, tokenizer: chat.tokenizer, seed: 3 });
  await chat.close();
  const engine = engines[1] ?? assert.fail();
  const losses: number[] = [];
  const emit = (event: TuneEvent): void => {
    if (event.type === 'step') losses.push(event.loss);
  };
  const host = { versions: {} };
  const whole = join(scratch, 'whole');
  await tune(configFor(6, base), { runFolder: await newRunFolder(whole), engine, host, emit });
  assert.ok((losses.at(-1) ?? NaN) < 0.8 * (losses[0] ?? NaN), losses.join(' '));
  const parts = join(scratch, 'parts');
  await tune(configFor(4, base), { runFolder: await newRunFolder(parts), engine, host, emit: () => {} });
  const folder = await openRunFolder(parts);
  await folder.replaceConfig(configFor(6, base));
  await tune(configFor(6, base), { runFolder: folder, engine, host, emit: () => {}, resume: true });
  assert.deepEqual(
    readFileSync(join(parts, 'model/model.safetensors')),
    readFileSync(join(whole, 'model/model.safetensors')),
  );

  const half = join(scratch, 'half');
  const nano = assetPath('nano');
  await tune(configFor(2, nano), { runFolder: await newRunFolder(half), engine, host, emit: () => {} });
  const trained = await openCheckpoint(join(half, 'model'));
  for (const [name, source] of trained.tensors) assert.equal(source.storage, 'bf16', name);
  assert.equal(trained.config['dtype'], 'bfloat16');
  assert.ok(trained.tokenizer?.chatTemplate);
  await trained.close();
});

test('LoRA options are refused beside adapter none', () => {
  assert.throws(
    () => parseConfig({ model: { path: 'm' }, data: { path: 'd' }, adapter: { type: 'none', r: 8 } }),
    /adapter\.r: adapter none has no such field/,
  );
  assert.throws(
    () => parseConfig({ model: { path: 'm' }, data: { path: 'd' }, adapter: { type: 'lorra' } }),
    /adapter\.type: expected lora.* or none but found lorra/,
  );
});
