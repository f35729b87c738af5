import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { full } from '../../src/adapters/full.ts';
import { loraUnit } from '../../src/adapters/lora.ts';
import { collate } from '../../src/data/batches.ts';
import { readPeftFolder } from '../../src/hub/peft.ts';
import { tokenFeeds } from '../../src/loop/feeds.ts';
import { type LoadedModel, openModel } from '../../src/loop/model.ts';
import { gradientName, trainGraph } from '../../src/loop/programs.ts';
import { score } from '../../src/loop/score.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { sft } from '../../src/objectives/sft.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { mergeAdapter } from '../../src/surgery/merge.ts';
import { collect, evaluateExactly, examplesOf, fixture, readFixture, readTensors } from '../parity.ts';

interface Expected {
  base: string;
  ids: number[][];
  lengths: number[];
  lossMask: number[][];
  logprobs: (number | null)[][];
  loss: number;
  gradients: Record<string, [norm: number, product: number]>;
}

type Options = Record<string, unknown>;

const root = await mkdtemp(join(tmpdir(), 'tuneloop-lora-inits-'));
const engine = ortEngine({ threads: 1 });
after(async () => {
  engine.close();
  await rm(root, { recursive: true });
});

const baseOf = (base: string): string => fixture(`architectures/${base}`);

async function scored(expected: Expected, loaded: LoadedModel): Promise<(number | null)[][]> {
  const rows = await collect(score(loaded, examplesOf(expected), { batchSize: 2 }));
  await loaded.close();
  return rows.map(({ logprobs }) => [...logprobs]);
}

function assertSame(found: readonly (number | null)[][], want: readonly (number | null)[][], tolerance = 1e-4): void {
  want.forEach((row, r) =>
    row.forEach((value, t) => {
      const difference = t === 0 ? 0 : Math.abs((found[r]?.[t] ?? Number.NaN) - (value ?? Number.NaN));
      assert.ok(difference < tolerance, `row ${r}, token ${t}: ${difference}`);
    }),
  );
}

/** The base in f32, so that merged weights are not rounded. */
async function wide(base: string): Promise<string> {
  const folder = join(root, base);
  if (existsSync(folder)) return folder;
  const loaded = await openModel({ model: baseOf(base), newAdapter: { make: full, seed: 0 }, engine });
  await loaded.attached?.files.write(folder, { exact: true });
  await loaded.close();
  return folder;
}

/** The options of a fixture as tuneloop has them. */
async function optionsOf(name: string): Promise<Options> {
  const { config } = await readPeftFolder(fixture(`lora_inits/${name}/adapter`));
  return {
    r: config['r'],
    alpha: config['lora_alpha'],
    targetModules: config['target_modules'],
    initLoraWeights: config['init_lora_weights'],
    useRslora: config['use_rslora'],
    useDora: config['use_dora'],
    rankPattern: config['rank_pattern'],
    alphaPattern: config['alpha_pattern'],
  };
}

const openNew = (base: string, options: Options, model = baseOf(base)): Promise<LoadedModel> =>
  openModel({
    model,
    newAdapter: { make: (made) => loraUnit.make(loraUnit.schema.parse(options), made), seed: 3 },
    engine,
  });

for (const name of await readdir(fixture('lora_inits'))) {
  const expected = readFixture(`lora_inits/${name}/expected.json`) as Expected;
  const adapter = fixture(`lora_inits/${name}/adapter`);

  test(`${name}: factors start as PEFT's do but for signs, and leave the model as it is`, async () => {
    const plain = await scored(expected, await openModel({ model: baseOf(expected.base), engine }));
    const loaded = await openNew(expected.base, await optionsOf(name));
    const initial = await readTensors(`lora_inits/${name}/initial.safetensors`);
    const members = new Map((loaded.attached?.weights.members ?? []).map((each) => [each.name, each]));
    assert.equal(members.size, initial.size);
    for (const [key, want] of initial) {
      const handle = members.get(key.replace(/^base_model\.model\./, '')) ?? assert.fail(key);
      const found = await handle.f32();
      const scale = Math.max(...want.map(Math.abs));
      want.forEach((value, i) => {
        const gap = Math.abs(Math.abs(found[i] ?? Number.NaN) - Math.abs(value));
        assert.ok(gap < 1e-5 * scale, `${key} ${i}: ${found[i]} against ${value}`);
      });
    }
    assertSame(await scored(expected, loaded), plain);
  });

  test(`${name}: PEFT's adapter gives PEFT's logprobs, loss and gradients, as it is and merged`, async () => {
    const loaded = await openModel({ model: baseOf(expected.base), adapter, engine });
    const attached = loaded.attached ?? assert.fail();
    const batch = collate(
      examplesOf(expected).map((row) => [row]),
      20,
      0,
    );
    const shape = { batch: 2, length: 20, packed: false };
    const graph = trainGraph(loaded.model, attached.adapter, sft, shape, { accumulate: false, recompute: true });
    const feeds = { ...tokenFeeds(batch, false), normalizer: tensor('f32', [], [1 / batch.supervisedTokens]) };
    const program = await loaded.programs.get('train', () => graph);
    for (const found of [await program.run(feeds), await evaluateExactly(graph, feeds, loaded.store)]) {
      assert.ok(Math.abs((found['loss']?.data[0] ?? 0) - expected.loss) < 2e-6 * expected.loss);
      assert.equal(attached.adapter.parameters.length, Object.keys(expected.gradients).length);
      for (const [file, [norm, product]] of Object.entries(expected.gradients)) {
        const gradient = Float64Array.from(found[gradientName(file)]?.data ?? []);
        const along = gradient.reduce((total, value, i) => total + value * Math.cos(i), 0);
        const length = Math.sqrt(gradient.reduce((total, value) => total + value * value, 0));
        const tolerance = 3e-5 * norm + 1e-7;
        assert.ok(Math.abs(length - norm) < tolerance, `${file}: norm ${length} against ${norm}`);
        assert.ok(Math.abs(along - product) < tolerance, `${file}: product ${along} against ${product}`);
      }
    }
    const out = join(root, `${name} plain`);
    await attached.files.write(out);
    assertSame(await scored(expected, loaded), expected.logprobs);
    // What is written is a plain LoRA, and so is what PEFT converts.
    const { config } = await readPeftFolder(out);
    assert.equal(config['init_lora_weights'], true);
    assert.match(
      readFileSync(join(out, 'README.md'), 'utf8'),
      /Rank 6, alpha .*, started by (?:pissa|olora) of rank 3/,
    );
    const converted = fixture(`lora_inits/${name}/converted`);
    if (existsSync(converted))
      assert.deepEqual(config, {
        ...(await readPeftFolder(converted)).config,
        base_model_name_or_path: config['base_model_name_or_path'],
      });
    const model = await wide(expected.base);
    for (const plain of [out, ...(existsSync(converted) ? [converted] : [])])
      assertSame(await scored(expected, await openModel({ model, adapter: plain, engine })), expected.logprobs);
    for (const [i, each] of [adapter, out].entries()) {
      const merged = join(root, `${name} merged ${i}`);
      await mergeAdapter({ model, adapter: each, out: merged });
      assertSame(await scored(expected, await openModel({ model: merged, engine })), expected.logprobs);
    }
  });
}

test('dropout is for the trained factors alone: with what they started with it leaves the rest of the model as it is', async () => {
  for (const useDora of [false, true]) {
    const options = { r: 3, targetModules: ['q_proj', 'lm_head'], initLoraWeights: 'pissa', useDora };
    const exact: Record<string, ArrayLike<number>>[] = [];
    for (const dropout of [0, 1e-9]) {
      // A rate of almost nothing takes the other way through the layers.
      const loaded = await openNew('mistral', { ...options, dropout });
      const adapter = loaded.attached?.adapter ?? assert.fail();
      const shape = { batch: 1, length: 6, packed: false };
      const graph = trainGraph(loaded.model, adapter, sft, shape, { accumulate: false, recompute: false });
      const i32 = (values: number[]) => tensor('i32', [1, 6], values);
      const all = {
        ids: i32([3, 9, 14, 40, 7, 22]),
        targets: i32([9, 14, 40, 7, 22, 0]),
        positions: i32([0, 1, 2, 3, 4, 5]),
        examples: i32([0, 0, 0, 0, 0, 0]),
        key: tensor('i32', [2], [1, 2]),
        weights: tensor('f32', [1, 6], [1, 1, 1, 1, 1, 0]),
        normalizer: tensor('f32', [], [0.2]),
      };
      const results = await evaluateExactly(graph, all, loaded.store);
      await loaded.close();
      exact.push(Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data])));
    }
    const [without, withDropout] = exact;
    for (const [name, values] of Object.entries(without ?? {}))
      for (let i = 0; i < values.length; i++)
        assert.ok(Math.abs((values[i] ?? 0) - (withDropout?.[name]?.[i] ?? Number.NaN)) < 1e-6, `${name} ${i}`);
  }
});

test('randomised subspace iteration comes near the decomposition, the same for one seed', async () => {
  const factors = async (initLoraWeights: string): Promise<Float32Array[]> => {
    const loaded = await openNew('qwen2', { r: 3, targetModules: ['q_proj'], initLoraWeights });
    const found = await Promise.all(
      (loaded.attached?.weights.members ?? []).map(async ({ f32 }) => (await f32()).slice()),
    );
    await loaded.close();
    return found;
  };
  const [exact, near, again] = [
    await factors('pissa'),
    await factors('pissa_niter_40'),
    await factors('pissa_niter_40'),
  ];
  assert.deepEqual(near, again);
  exact.forEach((values, m) =>
    values.forEach((value, i) => assert.ok(Math.abs(Math.abs(value) - Math.abs(near[m]?.[i] ?? 0)) < 1e-3)),
  );
});

test('a decomposition that cannot be is refused by name', () => {
  const model = languageModel(readFixture('architectures/qwen2/config.json') as Record<string, unknown>);
  const make = (options: Options) => () => loraUnit.make(loraUnit.schema.parse(options), model);
  assert.throws(
    make({ initLoraWeights: 'pissa', r: 20 }),
    /rank of at most \d+ for model\.layers\.0\.\S+ with pissa but found 20/,
  );
  assert.throws(
    make({ initLoraWeights: 'olora', r: 2, targetModules: ['embed_tokens'] }),
    /true or false for model\.embed_tokens/,
  );
  assert.throws(
    make({ initLoraWeights: 'olora', r: 2, loraBias: true }),
    /neither DoRA nor initLoraWeights olora beside loraBias/,
  );
});
