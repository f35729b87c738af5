import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { lora } from '../../src/adapters/lora.ts';
import { collate } from '../../src/data/batches.ts';
import { parsePeftConfig } from '../../src/hub/peft-config.ts';
import { rankOf, scaleOf } from '../../src/hub/peft-target.ts';
import { randomKey } from '../../src/ir/random.ts';
import { sizeOf } from '../../src/ir/types.ts';
import { tokenFeeds } from '../../src/loop/feeds.ts';
import { type LoadedModel, openModel } from '../../src/loop/model.ts';
import { gradientName, trainGraph } from '../../src/loop/programs.ts';
import { score } from '../../src/loop/score.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { sft } from '../../src/objectives/sft.ts';
import { runHere } from '../../src/runtime/linalg/job.ts';
import { linearAlgebra } from '../../src/runtime/linalg/service.ts';
import { randomService } from '../../src/runtime/random.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { collect, evaluateExactly, examplesOf, fixture, readFixture, readTensors, relativeError } from '../parity.ts';

interface Expected {
  ids: number[][];
  lengths: number[];
  lossMask: number[][];
  logprobs: { float32: (number | null)[][]; float64: (number | null)[][] };
  loss: number;
  supervisedTokens: number;
}

const names = ['all-linear', 'regex', 'patterns', 'rslora', 'defaults'];
const ort = ortEngine({ threads: 2 });
const reference = referenceEngine();
after(() => ort.close());

const open = (name: string, engine: Engine): Promise<LoadedModel> =>
  openModel({ model: fixture('models/default'), adapter: fixture(`lora/${name}`), engine });

for (const name of names) {
  const expected = readFixture(`lora/${name}/expected.json`) as Expected;
  for (const [engine, tolerance] of [
    [ort, 1e-4],
    [reference, 1e-6],
  ] as const) {
    test(`${name}: logprobs with PEFT's adapter within ${tolerance} of PEFT's on ${engine.name}`, async () => {
      const loaded = await open(name, engine);
      const rows = await collect(score(loaded, examplesOf(expected), { batchSize: 2 }));
      await loaded.close();
      assert.equal(rows.length, expected.ids.length);
      for (const { index, logprobs } of rows) {
        const want = expected.logprobs.float64[index] ?? [];
        assert.equal(logprobs.length, want.length);
        assert.equal(logprobs[0], null);
        logprobs.slice(1).forEach((found, t) => {
          const difference = Math.abs((found ?? Number.NaN) - (want[t + 1] ?? Number.NaN));
          assert.ok(difference < tolerance, `row ${index}, token ${t + 1}: ${difference}`);
        });
      }
    });
  }

  test(`${name}: loss and gradients of every factor as PEFT's in float64`, async () => {
    const loaded = await open(name, ort);
    const { attached } = loaded;
    assert.ok(attached);
    const batch = collate(
      examplesOf(expected).map((row) => [row]),
      24,
      0,
    );
    assert.equal(batch.supervisedTokens, expected.supervisedTokens);
    const shape = { batch: 2, length: 24, packed: false };
    const graph = trainGraph(loaded.model, attached.adapter, sft, shape, { accumulate: false, recompute: false });
    const feeds = { ...tokenFeeds(batch, false), normalizer: tensor('f32', [], [1]) };
    const exact = await evaluateExactly(graph, feeds, loaded.store);
    const program = await loaded.programs.get('train', () => graph);
    const found = await program.run(feeds);
    await loaded.close();
    const count = expected.supervisedTokens;
    assert.ok(Math.abs((exact['loss']?.data[0] ?? 0) / count - expected.loss) < 1e-12 * expected.loss);
    assert.ok(Math.abs((found['loss']?.data[0] ?? 0) / count - expected.loss) < 1e-6 * expected.loss);
    const gradients = await readTensors(`lora/${name}/gradients.safetensors`);
    assert.equal(gradients.size, attached.adapter.parameters.length);
    for (const [peftName, want] of gradients) {
      const key = gradientName(peftName.replace(/^base_model\.model\./, ''));
      const mean = (values: ArrayLike<number>) => Float64Array.from(values, (value) => value / count);
      const errors = [
        relativeError(mean(found[key]?.data ?? []), want),
        relativeError(mean(exact[key]?.data ?? []), want),
      ];
      assert.ok((errors[0] as number) < 1e-5, `${key} on ort: ${errors[0]}`);
      assert.ok((errors[1] as number) < 1e-12, `${key} on reference: ${errors[1]}`);
    }
  });
}

interface Targets {
  specs: {
    options: Record<string, unknown>;
    modules?: Record<string, [number, number]>;
    parameters?: number;
    error?: string;
  }[];
  shapes: Record<string, [number[], number[]]>;
  initialisation: { inFeatures: number; bound: number; standardDeviation: number }[];
}

const targets = readFixture('lora/targets.json') as Targets;
const model = languageModel(readFixture('models/default/config.json') as Record<string, unknown>);
const configOf = (options: Record<string, unknown>) =>
  parsePeftConfig({ peft_type: 'LORA', task_type: 'CAUSAL_LM', ...options }, 'adapter_config.json');

test('there is a target spec for every rule of PEFT', () => assert.equal(targets.specs.length, 32));

for (const { options, modules, parameters, error } of targets.specs) {
  const text = JSON.stringify(options);
  if (modules === undefined) {
    test(`${text}: refused, as PEFT does: ${error}`, () => {
      assert.throws(() => lora(configOf(options), model), /[Ee]xpected/);
    });
    continue;
  }
  test(`${text}: the modules, ranks, scalings and number of parameters are PEFT's`, () => {
    const config = configOf(options);
    const adapter = lora(config, model);
    const found: Record<string, [number, number]> = {};
    for (const { name, shape } of adapter.parameters) {
      const path = name.replace(/\.lora_[AB]\.weight$/, '');
      if (name.endsWith('.lora_A.weight')) found[path] = [shape[0] as number, scaleOf(config, path)];
      else assert.equal(shape[1], rankOf(config, path));
    }
    assert.deepEqual(Object.keys(found).toSorted(), Object.keys(modules).toSorted());
    for (const [path, [rank, scaling]] of Object.entries(modules)) {
      assert.equal(found[path]?.[0], rank, path);
      assert.ok(Math.abs((found[path]?.[1] ?? 0) - scaling) < 1e-15, path);
    }
    assert.equal(
      adapter.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      parameters,
    );
  });
}

test('factors have the shapes that PEFT gives them', () => {
  const adapter = lora(configOf({ target_modules: 'all-linear' }), model);
  const shapes = new Map(adapter.parameters.map(({ name, shape }) => [name, [...shape]]));
  for (const [path, [a, b]] of Object.entries(targets.shapes)) {
    assert.deepEqual([shapes.get(`${path}.lora_A.weight`), shapes.get(`${path}.lora_B.weight`)], [a, b]);
  }
  assert.equal(shapes.size, 2 * Object.keys(targets.shapes).length);
});

const initial = (seed: number, name: string) => ({
  key: randomKey(seed, name),
  random: randomService(),
  base: () => assert.fail('the default start needs nothing of the base'),
  linalg: linearAlgebra(runHere()),
});

for (const { inFeatures, bound, standardDeviation } of targets.initialisation) {
  test(`A starts uniform on ±1/√${inFeatures}, B at zero`, async () => {
    const wide = { ...model, linears: [{ name: 'layer.q_proj', inFeatures, outFeatures: 32 }] };
    const [a, b] = lora(configOf({ r: 256, target_modules: ['q_proj'] }), wide).parameters;
    assert.ok(typeof a?.initialize === 'function' && typeof b?.initialize === 'function');
    const values = new Float32Array(256 * inFeatures);
    await a.initialize(values, initial(3, a.name));
    assert.ok(values.every((value) => Math.abs(value) <= bound));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    const noise = standardDeviation / Math.sqrt(values.length);
    assert.ok(Math.abs(mean) < 4 * noise, `mean ${mean}`);
    assert.ok(Math.abs(deviation - standardDeviation) < 4 * noise, `deviation ${deviation}`);
    // Kolmogorov-Smirnov at the 1e-4 level against the uniform law.
    const sorted = values.toSorted();
    const gap = sorted.reduce(
      (worst, value, i) => Math.max(worst, Math.abs((value / bound + 1) / 2 - (i + 0.5) / sorted.length)),
      0,
    );
    assert.ok(gap * Math.sqrt(sorted.length) < 2.23, `distance ${gap}`);
    const again = new Float32Array(values.length);
    await a.initialize(again, initial(3, a.name));
    assert.deepEqual(again, values);
    await a.initialize(again, initial(4, a.name));
    assert.notDeepEqual(again, values);
    const zeros = new Float32Array(32 * 256).fill(1);
    await b.initialize(zeros, initial(3, b.name));
    assert.ok(zeros.every((value) => value === 0));
  });
}
