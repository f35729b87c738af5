import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loraUnit } from '../../src/adapters/lora.ts';
import { full } from '../../src/adapters/full.ts';
import { describeAdapter, readAdapter, writeAdapter } from '../../src/adapters/peftFolder.ts';
import { collate } from '../../src/data/batches.ts';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { readPeftFolder, writePeftFolder } from '../../src/hub/peft.ts';
import { randomKey } from '../../src/ir/random.ts';
import { sizeOf } from '../../src/ir/types.ts';
import { tokenFeeds } from '../../src/loop/feeds.ts';
import { openModel } from '../../src/loop/model.ts';
import { gradientName, trainGraph } from '../../src/loop/programs.ts';
import { score } from '../../src/loop/score.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { ownValues } from '../../src/nn/ownNames.ts';
import { sft } from '../../src/objectives/sft.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { runHere } from '../../src/runtime/linalg/job.ts';
import { linearAlgebra } from '../../src/runtime/linalg/service.ts';
import { randomService } from '../../src/runtime/random.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { mergeAdapter } from '../../src/surgery/merge.ts';
import { collect, evaluateExactly, examplesOf, fixture, readFixture } from '../parity.ts';

interface Expected {
  base: string;
  ids: number[][];
  lengths: number[];
  lossMask: number[][];
  logprobs: (number | null)[][];
  loss: number;
  gradients: Record<string, [norm: number, product: number]>;
}

const names = await readdir(fixture('lora_options'));
const root = await mkdtemp(join(tmpdir(), 'tuneloop-lora-'));
const engine = ortEngine({ threads: 1 });
after(async () => {
  engine.close();
  await rm(root, { recursive: true });
});

const baseOf = (base: string): string => fixture(`architectures/${base}`);

/** The base in f32, so that merged weights are not rounded. */
async function wide(base: string): Promise<string> {
  const folder = join(root, base);
  if (existsSync(folder)) return folder;
  const loaded = await openModel({ model: baseOf(base), newAdapter: { make: full, seed: 0 }, engine });
  await loaded.attached?.files.write(folder, { exact: true });
  await loaded.close();
  return folder;
}

async function assertScores(expected: Expected, model: string, adapter?: string): Promise<void> {
  const loaded = await openModel({ model, adapter, engine });
  const rows = await collect(score(loaded, examplesOf(expected), { batchSize: 2 }));
  await loaded.close();
  for (const { index, logprobs } of rows) {
    const want = expected.logprobs[index] ?? [];
    assert.equal(logprobs.length, want.length);
    logprobs.slice(1).forEach((found, t) => {
      const difference = Math.abs((found ?? Number.NaN) - (want[t + 1] ?? Number.NaN));
      assert.ok(difference < 2e-5, `row ${index}, token ${t + 1}: ${difference}`);
    });
  }
}

/** Reads an adapter on its base, with what reads it. */
async function read(folder: string, base: string) {
  const checkpoint = await openCheckpoint(baseOf(base));
  try {
    const model = languageModel(checkpoint.config);
    return await readAdapter(folder, model, ownValues(checkpoint.tensors, model));
  } finally {
    await checkpoint.close();
  }
}

for (const name of names) {
  const folder = fixture(`lora_options/${name}`);
  const expected = readFixture(`lora_options/${name}/expected.json`) as Expected;

  test(`${name}: logprobs with PEFT's adapter are PEFT's, and those of the merged checkpoint too`, async () => {
    await assertScores(expected, baseOf(expected.base), folder);
    const merged = join(root, `${name} merged`);
    const merging = mergeAdapter({ model: await wide(expected.base), adapter: folder, out: merged });
    // The architecture has no place for a bias there; PEFT refuses it too.
    if (name === 'lora-bias-new') return assert.rejects(merging, /Expected tensor .*o_proj\.bias.* but found none/);
    await merging;
    await assertScores(expected, merged);
  });

  test(`${name}: loss and gradients of every trained tensor are PEFT's, recomputed or not`, async () => {
    for (const recompute of [false, true]) {
      const loaded = await openModel({ model: baseOf(expected.base), adapter: folder, engine });
      const adapter = loaded.attached?.adapter ?? assert.fail();
      const rows = examplesOf(expected).map((row) => [row]);
      const batch = collate(rows, 20, 0);
      const shape = { batch: 2, length: 20, packed: false };
      const graph = trainGraph(loaded.model, adapter, sft, shape, { accumulate: false, recompute });
      const feeds = { ...tokenFeeds(batch, false), normalizer: tensor('f32', [], [1 / batch.supervisedTokens]) };
      const program = await loaded.programs.get('train', () => graph);
      const results = [await program.run(feeds), await evaluateExactly(graph, feeds, loaded.store)];
      await loaded.close();
      const files = new Map(adapter.parameters.map((each) => [each.file ?? each.name, each.name]));
      assert.deepEqual([...files.keys()].toSorted(), Object.keys(expected.gradients).toSorted());
      for (const found of results) {
        assert.ok(Math.abs((found['loss']?.data[0] ?? 0) - expected.loss) < 2e-6 * expected.loss);
        for (const [file, [norm, product]] of Object.entries(expected.gradients)) {
          const gradient = Float64Array.from(found[gradientName(files.get(file) ?? '')]?.data ?? []);
          const along = gradient.reduce((total, value, i) => total + value * Math.cos(i), 0);
          const length = Math.sqrt(gradient.reduce((total, value) => total + value * value, 0));
          const tolerance = 2e-5 * norm + 1e-7;
          assert.ok(Math.abs(length - norm) < tolerance, `${file}: norm ${length} against ${norm}`);
          assert.ok(Math.abs(along - product) < tolerance, `${file}: product ${along} against ${product}`);
        }
      }
    }
  });

  test(`${name}: what is written is PEFT's file, but for copies of the base`, async () => {
    const { adapter, values } = await read(folder, expected.base);
    const written = join(root, name);
    await writeAdapter(written, adapter, (each) => values.get(each) ?? assert.fail(each), expected.base);
    const [found, want] = [await readPeftFolder(written), await readPeftFolder(folder)];
    assert.deepEqual(found.config, want.config);
    const copies = adapter.peft?.copies;
    const own = [...want.tensors.keys()].filter((each) => !copies?.has(each));
    assert.deepEqual([...found.tensors.keys()].toSorted(), own.toSorted());
    for (const key of own) assert.deepEqual(found.tensors.get(key), want.tensors.get(key));
  });
}

test("a folder's description has what is trained beside the factors", async () => {
  const figures = async (name: string) => (await describeAdapter(fixture(`lora_options/${name}`))).figures;
  assert.equal((await figures('dora'))['dora'], true);
  assert.equal((await figures('bias-all'))['bias'], 'all');
  assert.deepEqual((await figures('modules-to-save-head-tied'))['trained whole'], ['lm_head']);
  assert.deepEqual((await figures('tokens'))['tokens'], [5, 40, 9]);
  assert.deepEqual(Object.keys(await figures('head')), ['ranks', 'scales', 'dropout', 'targets', 'modules']);
});

test('options that contradict each other are refused by name', () => {
  const model = (name: string) =>
    languageModel(readFixture(`architectures/${name}/config.json`) as Record<string, unknown>);
  const make =
    (options: Record<string, unknown>, name = 'qwen2') =>
    () =>
      loraUnit.make(loraUnit.schema.parse(options), model(name));
  const trainableTokenIndices = [5];
  for (const [options, message] of [
    [{ targetModules: ['embed_tokens'], trainableTokenIndices }, /not trained otherwise but found model\.embed_tokens/],
    [{ modulesToSave: ['embed_tokens'], trainableTokenIndices }, /not trained otherwise but found model\.embed_tokens/],
    [{ modulesToSave: ['lm_head'], trainableTokenIndices }, /not trained otherwise but found lm_head/],
    [{ trainableTokenIndices: [48] }, /trainableTokenIndices below 48 but found 48/],
    [{ trainableTokenIndices: [3, 3] }, /once each but found one twice/],
    [{ modulesToSave: ['nothing'] }, /modulesToSave to name modules of the model but found nothing/],
    [
      { targetModules: ['up_proj'], modulesToSave: ['proj'] },
      /in targetModules or in modulesToSave but found it in both/,
    ],
    [{ targetModules: '.*q_proj', layersToTransform: [1] }, /list of targetModules beside layersToTransform/],
    [{ layersPattern: 'layers' }, /layersToTransform beside layersPattern/],
    [{ loraBias: true, useDora: true }, /beside loraBias/],
    [{ loraBias: true, targetModules: ['embed_tokens'] }, /linear modules for loraBias but found model\.embed_tokens/],
    [{ targetModules: ['embed_tokens'], initLoraWeights: 'gaussian' }, /true or false for model\.embed_tokens/],
  ] as const)
    assert.throws(make(options), message, JSON.stringify(options));
  assert.doesNotThrow(make({ modulesToSave: ['lm_head'], trainableTokenIndices }, 'mistral'), 'a head of its own');
});

for (const [initLoraWeights, deviations] of [
  ['gaussian', { A: 1 / 16, B: 0 }],
  ['false', { A: 1 / Math.sqrt(3 * 32), B: 1 / Math.sqrt(3 * 16) }],
  [true, { A: 1 / Math.sqrt(3 * 32), B: 0 }],
] as const) {
  test(`initLoraWeights ${initLoraWeights} has PEFT's law`, async () => {
    const model = languageModel({
      ...(readFixture('models/default/config.json') as Record<string, unknown>),
      num_hidden_layers: 1,
    });
    const config = loraUnit.schema.parse({ r: 16, targetModules: ['gate_proj'], initLoraWeights });
    for (const { name, shape, initialize } of loraUnit.make(config, model).parameters) {
      const values = new Float32Array(sizeOf(shape));
      const services = { random: randomService(), linalg: linearAlgebra(runHere()), base: () => assert.fail(name) };
      await initialize(values, { key: randomKey(3, name), ...services });
      const want = deviations[name.includes('lora_A') ? 'A' : 'B'];
      const found = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      assert.ok(Math.abs(found - want) <= 0.1 * want, `${name}: ${found} against ${want}`);
      const limit = initLoraWeights === 'gaussian' ? Infinity : Math.sqrt(3) * want * 1.0001;
      assert.ok(
        values.every((value) => Math.abs(value) <= limit),
        'uniform between bounds',
      );
      if (want > 0 && initLoraWeights === 'gaussian') assert.ok(values.some((value) => Math.abs(value) > 2 * want));
    }
  });
}

test("a copy of the base's weights that is not this base's is refused by name", async () => {
  const folder = fixture('lora_options/embedding');
  const { config, tensors } = await readPeftFolder(folder);
  const changed = [...tensors.values()].map((each) =>
    each.name.endsWith('base_layer.weight') ? { ...each, values: each.values.map((value) => value * 1.1) } : each,
  );
  const other = join(root, 'other base');
  await writePeftFolder(other, { config, tensors: changed, summary: '' });
  await assert.rejects(
    read(other, 'mistral'),
    /adapter_model\.safetensors: tensor base_model\.model\.model\.embed_tokens\.base_layer\.weight: expected the base's model\.embed_tokens\.weight/,
  );
});
