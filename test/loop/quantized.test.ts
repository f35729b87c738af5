import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lora } from '../../src/adapters/lora.ts';
import { collate } from '../../src/data/batches.ts';
import { tokenFeeds } from '../../src/loop/feeds.ts';
import { openModel } from '../../src/loop/model.ts';
import { trainGraph } from '../../src/loop/programs.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { quantizedModel } from '../../src/nn/quantized.ts';
import { sft } from '../../src/objectives/sft.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { engines, fastEngines } from '../runtime/engines.ts';
import { evaluateExactly, fixture, readFixture, relativeError } from '../parity.ts';

const loraConfig = { r: 4, loraAlpha: 8, loraDropout: 0, useRslora: false, initLoraWeights: false } as const;
const targets = { targetModules: 'all-linear', rankPattern: {}, alphaPattern: {} } as const;
const ids = [5, 9, 17, 33, 2, 8, 41, 7];
const batch = collate([[{ index: 0, ids: Int32Array.from(ids), mask: new Uint8Array(8).fill(1) }]], 8, 0);
const shape = { batch: 1, length: 8, packed: false };

for (const engine of engines) {
  for (const [name, quantization, recompute, quantizeEmbeddings] of [
    ['models/default', 'int8', false, false],
    ['models/default', 'int4', true, false],
    ['models/default', 'int8', false, true],
    ['architectures/gpt2', 'int4', false, true],
  ] as const) {
    test(`${name} in ${quantization}${quantizeEmbeddings ? ', embeddings and head too,' : ''} on ${engine.name}${recompute ? ', recomputing,' : ''}: loss and gradients are those of its rounded weights`, async () => {
      const make = (model: Parameters<typeof lora>[1]) => lora({ ...loraConfig, ...targets }, model);
      const model = fixture(name);
      const loaded = await openModel({
        model,
        engine,
        quantization,
        quantizeEmbeddings,
        newAdapter: { make, seed: 3 },
      });
      const { adapter } = loaded.attached ?? assert.fail();
      const options = { accumulate: false, recompute };
      const program = await loaded.programs.get('train', () => trainGraph(loaded.model, adapter, sft, shape, options));
      const feeds = { ...tokenFeeds(batch, false), normalizer: tensor('f32', [], [1 / batch.supervisedTokens]) };
      const found = await program.run(feeds);
      const plain = trainGraph(languageModel(loaded.checkpoint.config), adapter, sft, shape, options);
      const expected = await evaluateExactly(plain, feeds, loaded.store);
      assert.deepEqual(Object.keys(found).toSorted(), Object.keys(expected).toSorted());
      for (const [output, { data }] of Object.entries(expected))
        assert.ok(relativeError(found[output]?.data ?? [], data) < 2e-5, output);
      await loaded.close();
    });
  }
}

for (const engine of fastEngines) {
  for (const recompute of [false, true]) {
    test(`on ${engine.name} a weight is wide only where it is read${recompute ? ', with gradient checkpointing too' : ''}`, async () => {
      const config = { ...(readFixture('models/default/config.json') as Record<string, never>), num_hidden_layers: 12 };
      const plain = languageModel(config);
      const scratchOf = async (model: typeof plain): Promise<number> => {
        const adapter = lora({ ...loraConfig, ...targets }, model);
        const options = { accumulate: false, recompute };
        return (await engine.plan(trainGraph(model, adapter, sft, shape, options))).scratchBytes;
      };
      const widest = Math.max(...plain.linears.map(({ inFeatures, outFeatures }) => 4 * inFeatures * outFeatures));
      for (const type of ['int8', 'int4'] as const) {
        const more = (await scratchOf(quantizedModel(plain, type))) - (await scratchOf(plain));
        assert.ok(more < 6 * widest, `${type}: ${more} bytes more, where the largest weight has ${widest}`);
      }
    });
  }
}

test('the weights of linear layers are held in few bits, once; the others as they are', async () => {
  const [engine] = engines;
  assert.ok(engine);
  const bytesOf = async (quantization?: 'int8' | 'int4'): Promise<number> => {
    const loaded = await openModel({ model: fixture('models/default'), engine, quantization });
    const planned = loaded.store.unreadBytes();
    for (const { name } of loaded.model.parameters) await loaded.store.get(name).f32();
    await loaded.close();
    assert.deepEqual([loaded.store.residentBytes(), loaded.store.unreadBytes()], [planned, 0]);
    return planned;
  };
  const opened = await openModel({ model: fixture('models/default'), engine });
  const { linears, parameters } = opened.model;
  await opened.close();
  const inLinears = linears.reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, 0);
  const whole = 4 * parameters.reduce((sum, spec) => sum + spec.shape.reduce((a, b) => a * b, 1), 0);
  assert.equal(await bytesOf(), whole);
  assert.equal(await bytesOf('int8'), whole - (4 - 36 / 32) * inLinears);
  assert.equal(await bytesOf('int4'), whole - (4 - 20 / 32) * inLinears);
});
