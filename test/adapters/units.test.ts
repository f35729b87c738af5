import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { full } from '../../src/adapters/full.ts';
import { type AdapterType, adapterUnits, makeAdapter } from '../../src/adapters/index.ts';
import { collate } from '../../src/data/batches.ts';
import { normal } from '../../src/ir/dense.ts';
import { buildGraph } from '../../src/ir/graph.ts';
import type { Dense } from '../../src/ir/types.ts';
import { tokenFeeds } from '../../src/loop/feeds.ts';
import { type LoadedModel, openModel } from '../../src/loop/model.ts';
import { gradientName, trainGraph } from '../../src/loop/programs.ts';
import { score } from '../../src/loop/score.ts';
import { sft } from '../../src/objectives/sft.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { mergeAdapter } from '../../src/surgery/merge.ts';
import { collect, fixture, relativeError } from '../parity.ts';

type Options = Readonly<Record<string, unknown>>;

/** Configs of every kind that take different ways; a new kind needs its line. */
const variants: Readonly<Record<AdapterType, readonly Options[]>> = {
  // DoRA takes no gradient through its norm, so its gradients are no slopes: loraOptions.test.ts holds them to PEFT's.
  lora: [{ r: 2 }, { r: 2, initLoraWeights: 'olora', bias: 'all', trainableTokenIndices: [4, 9] }],
  ssf: [{}, { shift: false }],
  cola: [{ r: 2, links: 2 }],
  head: [],
  none: [{}],
};

const root = await mkdtemp(join(tmpdir(), 'tuneloop-units-'));
const engine = ortEngine({ threads: 1 });
after(async () => {
  engine.close();
  await rm(root, { recursive: true });
});

const rows = [
  { index: 0, ids: Int32Array.of(4, 9, 31, 7, 22, 8, 12), mask: Uint8Array.of(0, 0, 1, 1, 1, 1, 1) },
  { index: 1, ids: Int32Array.of(6, 33, 17, 40), mask: Uint8Array.of(0, 1, 1, 1) },
];

async function logprobsOf(loaded: LoadedModel): Promise<number[]> {
  const scored = await collect(score(loaded, rows, { batchSize: 2 }));
  return scored.flatMap(({ logprobs }) => logprobs.slice(1).map(Number));
}

function assertClose(found: readonly number[], want: readonly number[], tolerance: number): void {
  assert.equal(found.length, want.length);
  want.forEach((value, i) =>
    assert.ok(Math.abs((found[i] ?? Number.NaN) - value) < tolerance, `${found[i]}, ${value}`),
  );
}

/** The base in f32, so that merged weights are not rounded. */
async function wide(base: string): Promise<string> {
  const folder = join(root, base);
  if (existsSync(folder)) return folder;
  const make = full;
  const loaded = await openModel({ model: fixture(`architectures/${base}`), newAdapter: { make, seed: 0 }, engine });
  await loaded.attached?.files.write(folder, { exact: true });
  await loaded.close();
  return folder;
}

const open = (model: string, type: AdapterType, options: Options): Promise<LoadedModel> =>
  openModel({
    model,
    newAdapter: { make: (made) => makeAdapter(adapterUnits[type].schema.parse({ type, ...options }), made), seed: 9 },
    engine,
  });

/** Moves every trained tensor a little, so that none is where it starts. */
async function move(loaded: LoadedModel): Promise<void> {
  for (const [seed, { shape, f32 }] of (loaded.attached?.weights.members ?? []).entries()) {
    const values = await f32();
    normal(shape, seed + 1, 0.05).data.forEach((noise, i) => (values[i] = (values[i] ?? 0) + noise));
  }
  loaded.attached?.weights.flat.touch();
}

const cases = (Object.keys(variants) as AdapterType[]).flatMap((type) =>
  variants[type].flatMap((options, variant) =>
    // A head and biases of its own, a tied head with biases of some, a tied one with weights stored as [in, out].
    ['mistral', 'qwen2', 'gpt2'].map((base) => ({ type, options, base, id: `${type}-${variant}-${base}` })),
  ),
);

for (const { type, options, base, id } of cases) {
  const title = `${type} ${JSON.stringify(options)} on ${base}`;

  test(`${title}: starts alike from one seed, and its gradients are slopes in f64 and ONNX Runtime's`, async () => {
    const model = await wide(base);
    const [loaded, again] = [await open(model, type, options), await open(model, type, options)];
    const { adapter, weights } = loaded.attached ?? assert.fail();
    const names = adapter.parameters.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const [m, { f32 }] of weights.members.entries())
      assert.deepEqual(await f32(), await again.attached?.weights.members[m]?.f32());
    await again.close();
    await move(loaded);
    const batch = collate(
      rows.map((row) => [row]),
      8,
      0,
    );
    const shape = { batch: 2, length: 8, packed: false };
    const graph = trainGraph(loaded.model, adapter, sft, shape, { accumulate: false, recompute: false });
    const feeds = { ...tokenFeeds(batch, false), normalizer: tensor('f32', [], [1 / batch.supervisedTokens]) };
    const leaves: Record<string, Dense> = {};
    for (const leaf of graph.leaves) {
      const data =
        leaf.kind === 'parameter'
          ? await loaded.store.get(leaf.name).f32()
          : ((feeds as Record<string, { data: ArrayLike<number> }>)[leaf.name]?.data ?? assert.fail(leaf.name));
      leaves[leaf.name] = { ...leaf.type, data: Float64Array.from(data) };
    }
    const exact = evaluate(graph, leaves);
    const lossOnly = buildGraph({ loss: graph.outputs.get('loss') ?? assert.fail() });
    const directions = new Map(names.map((name, seed) => [name, normal(leaves[name]?.shape ?? [], seed + 50).data]));
    const lossAt = (by: number): number => {
      const moved = lossOnly.leaves.map(({ name }): [string, Dense] => {
        const leaf = leaves[name] ?? assert.fail(name);
        const direction = directions.get(name);
        return [name, direction ? { ...leaf, data: leaf.data.map((v, i) => v + by * (direction[i] ?? 0)) } : leaf];
      });
      return evaluate(lossOnly, Object.fromEntries(moved))['loss']?.data[0] ?? Number.NaN;
    };
    const slope = (lossAt(1e-7) - lossAt(-1e-7)) / 2e-7;
    let [along, size] = [0, 0];
    for (const [name, direction] of directions) {
      exact[gradientName(name)]?.data.forEach((value, i) => {
        along += value * (direction[i] ?? 0);
        size += value * value;
      });
    }
    assert.ok(size > 0);
    assert.ok(Math.abs(slope - along) < 1e-6 * Math.sqrt(size), `${along} against ${slope}`);
    const program = await loaded.programs.get('train', () => graph);
    for (const [name, { data }] of Object.entries(await program.run(feeds)))
      assert.ok(relativeError(data, exact[name]?.data ?? []) < 1e-4, name);
    await loaded.close();
  });

  test(`${title}: files of either kind bring it back, and merging keeps what it computes or is refused`, async () => {
    const model = await wide(base);
    const loaded = await open(model, type, options);
    await move(loaded);
    const want = await logprobsOf(loaded);
    const { adapter, weights, files } = loaded.attached ?? assert.fail();
    const [exact, out] = [join(root, `${id} exact`), join(root, id)];
    await files.write(exact, { exact: true });
    await files.write(out);
    const values = [];
    for (const { f32 } of weights.members) {
      values.push((await f32()).slice());
      (await f32()).fill(0);
    }
    await files.read(exact);
    for (const [m, { f32 }] of weights.members.entries()) assert.deepEqual(await f32(), values[m]);
    await loaded.close();
    const written = await openModel(
      files.folder === 'model' ? { model: out, engine } : { model, adapter: out, engine },
    );
    assertClose(await logprobsOf(written), want, 1e-4);
    await written.close();
    if (files.folder === 'model') return;
    const merging = mergeAdapter({ model, adapter: out, out: join(root, `${id} merged`) });
    if ('cannot' in adapter.merges) return assert.rejects(merging, /expected an adapter that merges but/);
    await merging;
    const merged = await openModel({ model: join(root, `${id} merged`), engine });
    assertClose(await logprobsOf(merged), want, 1e-4);
    await merged.close();
  });
}
