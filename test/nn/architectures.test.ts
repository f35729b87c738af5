import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { collate } from '../../src/data/batches.ts';
import type { Tokenizer } from '../../src/hub/tokenizer.ts';
import { full } from '../../src/adapters/full.ts';
import { lora } from '../../src/adapters/lora.ts';
import { readPeftFolder } from '../../src/hub/peft.ts';
import { parsePeftConfig } from '../../src/hub/peft-config.ts';
import { buildGraph, input, parameter } from '../../src/ir/graph.ts';
import { generate } from '../../src/loop/generate.ts';
import { tokenFeeds } from '../../src/loop/feeds.ts';
import { type LoadedModel, openModel, type OpenModelOptions } from '../../src/loop/model.ts';
import { gradientName, scoreGraph, trainGraph } from '../../src/loop/programs.ts';
import { score } from '../../src/loop/score.ts';
import { plainSites } from '../../src/nn/sites.ts';
import { sft } from '../../src/objectives/sft.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { mergeAdapter } from '../../src/surgery/merge.ts';
import { collect, examplesOf, fixture, readFixture } from '../parity.ts';
import { recordingSites } from './recordingSites.ts';

type Rows = (number | null)[][];

interface Gradients {
  loss: number;
  gradients: Record<string, [norm: number, product: number]>;
}

interface Expected {
  ids: number[][];
  lengths: number[];
  lossMask: number[][];
  logprobs: Rows;
  hidden: number[][];
  generation: { prompts: number[][]; ids: number[][]; margin: number };
  full: Gradients;
  lora: Gradients & { logprobs: Rows };
  loraAll: { logprobs: Rows };
}

const names = readdirSync(fixture('architectures'));
const ort = ortEngine({ threads: 1 });
const reference = referenceEngine();
after(() => [ort, reference].forEach((engine) => engine.close()));

const expectedOf = (name: string): Expected => readFixture(`architectures/${name}/expected.json`) as Expected;

async function withModel<T>(
  name: string,
  options: Partial<OpenModelOptions>,
  use: (loaded: LoadedModel) => Promise<T>,
): Promise<T> {
  const loaded = await openModel({ model: fixture(`architectures/${name}`), engine: ort, ...options });
  try {
    return await use(loaded);
  } finally {
    await loaded.close();
  }
}

function assertClose(found: readonly (readonly (number | null)[])[], want: Rows, tolerance: number): void {
  assert.equal(found.length, want.length);
  found.forEach((row, r) => {
    assert.equal(row.length, want[r]?.length);
    row.slice(1).forEach((value, t) => {
      const difference = Math.abs((value ?? Number.NaN) - (want[r]?.[t + 1] ?? Number.NaN));
      assert.ok(difference < tolerance, `row ${r}, token ${t + 1}: ${difference}`);
    });
  });
}

const scored = async (loaded: LoadedModel, expected: Expected): Promise<(number | null)[][]> =>
  (await collect(score(loaded, examplesOf(expected), { batchSize: 2 }))).map(({ logprobs }) => [...logprobs]);

/** The model's parameters as leaves. */
function leavesOf({ model }: LoadedModel): (name: string) => ReturnType<typeof parameter> {
  const leaves = new Map(model.parameters.map(({ name, shape }) => [name, parameter(name, shape)]));
  return (name) => leaves.get(name) ?? assert.fail(name);
}

/** Norm and product with cos 0, cos 1, … of each gradient. */
async function assertGradients(loaded: LoadedModel, expected: Expected, want: Gradients): Promise<void> {
  const adapter = loaded.attached?.adapter ?? assert.fail();
  const batch = collate(
    examplesOf(expected).map((row) => [row]),
    20,
    0,
  );
  const graph = trainGraph(
    loaded.model,
    adapter,
    sft,
    { batch: 2, length: 20, packed: false },
    { accumulate: false, recompute: true },
  );
  const program = await loaded.programs.get('gradients', () => graph);
  const normalizer = tensor('f32', [], [1 / batch.supervisedTokens]);
  const outputs = await program.run({ ...tokenFeeds(batch, false), normalizer });
  assert.ok(Math.abs((outputs['loss']?.data[0] ?? Number.NaN) - want.loss) < 1e-5 * want.loss);
  assert.deepEqual(adapter.parameters.map(({ name }) => name).toSorted(), Object.keys(want.gradients).toSorted());
  for (const [name, [norm, product]] of Object.entries(want.gradients)) {
    const gradient = Float64Array.from(outputs[gradientName(name)]?.data ?? []);
    const found = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
    const along = gradient.reduce((sum, value, i) => sum + value * Math.cos(i), 0);
    assert.ok(Math.abs(found - norm) < 1e-4 * norm + 1e-7, `${name}: norm ${found} against ${norm}`);
    assert.ok(Math.abs(along - product) < 1e-4 * norm + 1e-7, `${name}: product ${along} against ${product}`);
  }
}

for (const name of names) {
  const expected = expectedOf(name);

  for (const engine of [ort, reference]) {
    test(`${name}: logprobs of a padded batch on ${engine.name} within 1e-5 of transformers'`, () =>
      withModel(name, { engine }, async (loaded) => {
        assert.deepEqual(
          loaded.notices.filter((notice) => !notice.includes('without effect')),
          [],
        );
        assertClose(await scored(loaded, expected), expected.logprobs, 1e-5);
      }));
  }

  test(`${name}: final hidden states within 1e-5 of transformers'`, () =>
    withModel(name, {}, async (loaded) => {
      const feed = (leaf: string) => input(leaf, 'i32', [1, 20]);
      const { hidden } = loaded.model.hidden({
        param: leavesOf(loaded),
        ids: feed('ids'),
        positions: feed('positions'),
        segments: null,
        positionLimit: 20,
        sites: plainSites,
      });
      const program = await loaded.programs.get('hidden', () => buildGraph({ hidden }));
      const outputs = await program.run({
        ids: tensor('i32', [1, 20], expected.ids[0] ?? []),
        positions: tensor('i32', [1, 20], [...Array(20).keys()]),
      });
      const want = expected.hidden.flat();
      const found = outputs['hidden']?.data ?? [];
      assert.equal(found.length, want.length);
      want.forEach((value, i) => assert.ok(Math.abs(value - Number(found[i])) < 1e-5, `${i}: ${found[i]}, ${value}`));
    }));

  test(`${name}: rows packed into one score as they do alone`, () =>
    withModel(name, {}, async (loaded) => {
      const rows = examplesOf(expected);
      const batch = collate([rows], 40, 0);
      const program = await loaded.programs.get('packed', () =>
        scoreGraph(loaded.model, undefined, { batch: 1, length: 40, packed: true }),
      );
      const { logprobs } = await program.run(tokenFeeds(batch, true));
      let start = 0;
      const found = rows.map(({ ids }) => {
        const row = Array.from(ids, (_, t) => (t === 0 ? null : Number(logprobs?.data[start + t - 1])));
        start += ids.length;
        return row;
      });
      assertClose(found, expected.logprobs, 1e-5);
    }));

  test(`${name}: greedy continuations with a cache are transformers'`, () =>
    withModel(name, {}, async (loaded) => {
      const { prompts, ids, margin } = expected.generation;
      assert.ok(margin > 1e-3);
      const tokenizer = { eosTokenIds: [] as number[], decode: () => '' } as unknown as Tokenizer;
      const found = await collect(
        generate(
          { ...loaded, tokenizer },
          prompts.map((prompt, index) => ({ index, ids: prompt })),
          { maxNewTokens: 10, batchSize: 2, temperature: 0, topK: 0, topP: 1, seed: 0 },
        ),
      );
      assert.deepEqual(
        found.map((row) => row.ids),
        ids,
      );
    }));

  test(`${name}: gradients of full fine-tuning are PyTorch's`, () =>
    withModel(name, { newAdapter: { make: full, seed: 0 } }, (loaded) =>
      assertGradients(loaded, expected, expected.full),
    ));

  test(`${name}: PEFT's adapter gives PEFT's logprobs and gradients`, () =>
    withModel(name, { adapter: fixture(`architectures/${name}/adapter`) }, async (loaded) => {
      assertClose(await scored(loaded, expected), expected.lora.logprobs, 1e-5);
      await assertGradients(loaded, expected, expected.lora);
    }));

  test(`${name}: PEFT's adapter on all linear layers gives PEFT's logprobs, merged too`, async () => {
    const adapter = fixture(`architectures/${name}/adapter-all`);
    await withModel(name, { adapter }, async (loaded) =>
      assertClose(await scored(loaded, expected), expected.loraAll.logprobs, 1e-5),
    );
    const folder = mkdtempSync(join(tmpdir(), 'tuneloop-'));
    try {
      // In f32, so that the merged weights are not rounded.
      const exact = join(folder, 'exact');
      await withModel(name, { newAdapter: { make: full, seed: 0 } }, async ({ attached }) =>
        attached?.files.write(exact, { exact: true }),
      );
      for (const model of [exact, fixture(`architectures/${name}`)]) {
        const out = join(folder, model === exact ? 'merged' : 'rounded');
        await mergeAdapter({ model, adapter, out });
        const tolerance = model === exact ? 1e-5 : 0.3;
        await withModel(name, { model: out }, async (loaded) =>
          assertClose(await scored(loaded, expected), expected.loraAll.logprobs, tolerance),
        );
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(`${name}: a new adapter has PEFT's default targets and is written as PEFT writes it`, async () => {
    const { config, configFile, tensors } = await readPeftFolder(fixture(`architectures/${name}/adapter`));
    const untargeted = parsePeftConfig({ ...config, target_modules: null }, configFile);
    await withModel(name, { newAdapter: { make: (model) => lora(untargeted, model), seed: 0 } }, async (loaded) => {
      const attached = loaded.attached ?? assert.fail();
      const folder = mkdtempSync(join(tmpdir(), 'tuneloop-'));
      try {
        await attached.files.write(join(folder, 'adapter'));
        const written = await readPeftFolder(join(folder, 'adapter'));
        assert.deepEqual([...written.tensors.keys()].toSorted(), [...tensors.keys()].toSorted());
        assert.equal(written.config['fan_in_fan_out'], config['fan_in_fan_out']);
        assert.deepEqual(written.config['target_modules'], config['target_modules']);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });

  test(`${name}: every layer goes through the site of its kind, by its checkpoint name`, () =>
    withModel(name, {}, async (loaded) => {
      const { sites, of } = recordingSites();
      const feed = (leaf: string) => input(leaf, 'i32', [1, 3]);
      loaded.model.hidden({
        param: leavesOf(loaded),
        ids: feed('ids'),
        positions: feed('positions'),
        segments: null,
        positionLimit: 3,
        sites,
      });
      const { model } = loaded;
      assert.deepEqual(of('linear'), model.linears.map((linear) => linear.name).toSorted());
      assert.deepEqual(of('embedding'), model.embeddings.map((embedding) => embedding.name).toSorted());
      assert.equal(of('attention').length, model.layers);
      assert.equal(of('mlp').length, model.layers);
      assert.equal(of('block').length, model.layers);
      const norms = model.parameters.filter(({ shape, name: leaf }) => shape.length === 1 && leaf.endsWith('.weight'));
      assert.deepEqual(of('norm'), norms.map((norm) => norm.name.replace(/\.weight$/, '')).toSorted());
    }));
}

for (const [name, type] of [
  ['qwen2', 'qwen2'],
  ['qwen3', 'qwen3'],
  ['gemma3-old', 'gemma3_text'],
  ['gpt2', 'gpt2'],
] as const) {
  test(`${name}: a GGUF gives the logprobs of the checkpoint that it was made from`, () =>
    withModel(name, { model: fixture(`gguf/${name}.gguf`) }, async (loaded) => {
      const expected = expectedOf(name);
      assert.equal(loaded.model.type, type);
      assertClose(await scored(loaded, expected), expected.logprobs, 1e-5);
    }));
}
