import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { full } from '../../src/adapters/full.ts';
import { lora } from '../../src/adapters/lora.ts';
import { ssf } from '../../src/adapters/ssf.ts';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { parsePeftConfig } from '../../src/hub/peft-config.ts';
import { readPeftFolder } from '../../src/hub/peft.ts';
import { buildGraph, type Graph, input, parameter } from '../../src/ir/graph.ts';
import { scalar } from '../../src/ir/ops/constant.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { imageForward } from '../../src/loop/imagePrograms.ts';
import { type LoadedModel, openClassifier, type OpenModelOptions } from '../../src/loop/model.ts';
import { gradientName, lossGraph } from '../../src/loop/programs.ts';
import { readyModel } from '../../src/loop/readyModel.ts';
import { type AnyClassifier, type ImageClassifier, readsImages } from '../../src/nn/model.ts';
import { imageClassifier, imageEncoder } from '../../src/nn/models/index.ts';
import { plainSites } from '../../src/nn/sites.ts';
import { labelLosses } from '../../src/objectives/labelLosses.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';
import type { Engine, Tensors } from '../../src/runtime/engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { mergeAdapter } from '../../src/surgery/merge.ts';
import { fixture, readFixture } from '../parity.ts';
import { recordingSites } from './recordingSites.ts';

interface Gradients {
  loss: number;
  gradients: Record<string, [norm: number, product: number]>;
}

interface Expected {
  pixels: number[];
  labels: (number | number[])[];
  hidden: number[][];
  logits: number[][];
  full: Gradients;
  lora: Gradients & { logits: number[][] };
}

const root = await mkdtemp(join(tmpdir(), 'tuneloop-vision-'));
const ort = ortEngine({ threads: 1 });
const engines = [ort, referenceEngine()];
after(async () => {
  engines.forEach((engine) => engine.close());
  await rm(root, { recursive: true });
});

const pathOf = (name: string): string => fixture(`vision/${name}`);
const expectedOf = (name: string): Expected => readFixture(`vision/${name}/expected.json`) as Expected;
const configOf = (name: string) => readFixture(`vision/${name}/config.json`) as Record<string, unknown>;

async function withModel<T>(
  name: string,
  options: Partial<OpenModelOptions<AnyClassifier>>,
  use: (loaded: LoadedModel<ImageClassifier>) => Promise<T>,
): Promise<T> {
  const { model, ...loaded } = await openClassifier({ model: pathOf(name), engine: ort, ...options });
  try {
    assert.ok(readsImages(model));
    return await use({ ...loaded, model });
  } finally {
    await loaded.close();
  }
}

function assertClose(found: ArrayLike<number> | undefined, want: readonly number[], tolerance = 1e-5): void {
  assert.equal(found?.length, want.length);
  want.forEach((value, i) => {
    assert.ok(Math.abs((found?.[i] ?? Number.NaN) - value) < tolerance, `${i}: ${found?.[i]} against ${value}`);
  });
}

const pixelsOf = ({ image }: Pick<ImageClassifier, 'image'>, { pixels }: Pick<Expected, 'pixels'>) =>
  tensor('f32', [3, image.channels, image.height, image.width], pixels);

async function logitsOf({ model, programs, attached }: LoadedModel<ImageClassifier>, expected: Expected) {
  const shape = { batch: 3, length: model.maxPositions };
  const program = await programs.get('logits', () =>
    buildGraph({
      logits: imageForward(model, attached?.adapter, shape, { training: false, recompute: false }).logits,
    }),
  );
  return (await program.run({ pixels: pixelsOf(model, expected) }))['logits']?.data;
}

/** Norm and product with cos 0, cos 1, … of each gradient. */
async function assertGradients(loaded: LoadedModel<ImageClassifier>, expected: Expected, want: Gradients) {
  const { model, programs } = loaded;
  const adapter = loaded.attached?.adapter ?? assert.fail();
  const count = model.labels.length;
  const trainGraph = (): Graph => {
    const shape = { batch: 3, length: model.maxPositions };
    const built = imageForward(model, adapter, shape, { training: true, recompute: true });
    const losses = labelLosses[model.problemType ?? 'single_label_classification'](
      built.logits,
      input('labels', 'f32', [3, count]),
    );
    return lossGraph({ ...built, total: sum(losses), weight: scalar(3) }, adapter, { accumulate: false });
  };
  const program = await programs.get('train', trainGraph);
  const targets = expected.labels.map((label) =>
    typeof label === 'number' ? Array.from({ length: count }, (_, l) => (l === label ? 1 : 0)) : label,
  );
  const found: Tensors = await program.run({
    pixels: pixelsOf(model, expected),
    labels: tensor('f32', [3, count], targets.flat()),
    normalizer: tensor('f32', [], [1 / 3]),
  });
  assertClose(found['loss']?.data, [want.loss]);
  const named = new Map(adapter.parameters.map((each) => [each.file ?? each.name, each.name]));
  assert.deepEqual([...named.keys()].toSorted(), Object.keys(want.gradients).toSorted());
  for (const [file, [norm, product]] of Object.entries(want.gradients)) {
    const gradient = Float64Array.from(found[gradientName(named.get(file) ?? '')]?.data ?? []);
    const along = gradient.reduce((total, value, i) => total + value * Math.cos(i), 0);
    const length = Math.sqrt(gradient.reduce((total, value) => total + value * value, 0));
    // Of a bias of keys, which attention does not see, it is 0 but for rounding.
    const tolerance = 1e-4 * norm + 1e-6;
    assert.ok(Math.abs(length - norm) < tolerance, `${file}: norm ${length} against ${norm}`);
    assert.ok(Math.abs(along - product) < tolerance, `${file}: product ${along} against ${product}`);
  }
}

/** The base in f32, so that merged weights are not rounded. */
async function wide(name: string): Promise<string> {
  const folder = join(root, name);
  await withModel(name, { newAdapter: { make: full, seed: 0 } }, async ({ attached }) =>
    attached?.files.write(folder, { exact: true, replace: true }),
  );
  return folder;
}

async function hiddenOf(name: string, engine: Engine): Promise<ArrayLike<number> | undefined> {
  const checkpoint = await openCheckpoint(pathOf(name));
  const model = imageEncoder(checkpoint.config);
  const ready = await readyModel(checkpoint, model, { engine });
  const leaves = new Map(model.parameters.map(({ name: leaf, shape }) => [leaf, parameter(leaf, shape)]));
  const { channels, height, width } = model.image;
  const hidden = model.hidden({
    param: (leaf) => leaves.get(leaf) ?? assert.fail(leaf),
    pixels: input('pixels', 'f32', [3, channels, height, width]),
    sites: plainSites,
  });
  const program = await ready.programs.get('hidden', () => buildGraph({ hidden }));
  const outputs = await program.run({ pixels: pixelsOf(model, expectedOf(name)) });
  await ready.close();
  return outputs['hidden']?.data.slice(0, model.tokens * model.hiddenSize);
}

for (const name of ['vit', 'oblong', 'bare']) {
  for (const engine of engines) {
    test(`${name}: final hidden states on ${engine.name} within 1e-5 of transformers'`, async () => {
      assertClose(await hiddenOf(name, engine), expectedOf(name).hidden.flat());
    });
  }
}

for (const name of ['vit', 'oblong']) {
  const expected = expectedOf(name);

  for (const engine of engines) {
    test(`${name}: logits on ${engine.name} within 1e-5 of transformers'`, () =>
      withModel(name, { engine }, async (loaded) => {
        assert.deepEqual(
          loaded.notices.filter((notice) => !notice.startsWith('No preprocessor_config.json')),
          [],
        );
        assertClose(await logitsOf(loaded, expected), expected.logits.flat());
      }));
  }

  test(`${name}: gradients of full fine-tuning are PyTorch's`, () =>
    withModel(name, { newAdapter: { make: full, seed: 0 } }, (loaded) =>
      assertGradients(loaded, expected, expected.full),
    ));

  test(`${name}: PEFT's adapter and its head give PEFT's logits and gradients, merged too, and are written as PEFT has them`, async () => {
    const adapter = `${pathOf(name)}/adapter`;
    const written = join(root, `${name} adapter`);
    await withModel(name, { adapter }, async (loaded) => {
      assertClose(await logitsOf(loaded, expected), expected.lora.logits.flat());
      await assertGradients(loaded, expected, expected.lora);
      await loaded.attached?.files.write(written);
    });
    const [ours, theirs] = [await readPeftFolder(written), await readPeftFolder(adapter)];
    assert.deepEqual(new Map(ours.tensors), new Map(theirs.tensors));
    // By PEFT only where a task has no type; nothing loads by it but AutoPeftModel.
    const { auto_mapping: _auto, ...config } = theirs.config;
    assert.deepEqual(
      { ...ours.config, auto_mapping: undefined, base_model_name_or_path: name },
      { ...config, auto_mapping: undefined },
    );
    const merged = join(root, `${name} merged`);
    await mergeAdapter({ model: await wide(name), adapter, out: merged });
    await withModel(name, { model: merged }, async (loaded) =>
      assertClose(await logitsOf(loaded, expected), expected.lora.logits.flat()),
    );
  });

  test(`${name}: scales and shifts fold into every layer before them, the patches' convolution too`, async () => {
    const [base, folder, merged] = [await wide(name), join(root, `${name} ssf`), join(root, `${name} ssf merged`)];
    const make = (model: AnyClassifier) => ssf({ shift: true }, model);
    // Without their biases q, k and v have nothing that a shift could go into.
    const shiftless = (model: AnyClassifier) => ssf({ shift: false }, model);
    const options = { model: base, newAdapter: { make: name === 'vit' ? make : shiftless, seed: 3 } };
    const found = await withModel(name, options, async (loaded) => {
      await loaded.attached?.files.write(folder);
      return logitsOf(loaded, expected);
    });
    assert.ok(expected.logits.flat().some((logit, i) => Math.abs(logit - (found?.[i] ?? 0)) > 1e-2));
    await mergeAdapter({ model: base, adapter: folder, out: merged });
    await withModel(name, { model: merged }, async (loaded) =>
      assertClose(await logitsOf(loaded, expected), Array.from(found ?? [])),
    );
  });

  test(`${name}: every layer goes through the site of its kind, by transformers' name for the module`, () => {
    const { sites, of } = recordingSites();
    const model = imageClassifier(configOf(name));
    const { channels, height, width } = model.image;
    const shapes = new Map(model.parameters.map((each) => [each.name, each.shape]));
    model.logits({
      param: (leaf) => parameter(leaf, shapes.get(leaf) ?? assert.fail(leaf)),
      pixels: input('pixels', 'f32', [3, channels, height, width]),
      sites,
      recompute: true,
    });
    const weighted = (dimensions: number): string[] =>
      model.parameters
        .filter(({ shape, name: leaf }) => shape.length === dimensions && leaf.endsWith('.weight'))
        .map((each) => each.name.replace(/\.weight$/, ''))
        .toSorted();
    assert.deepEqual(of('convolution'), weighted(4));
    assert.deepEqual(of('linear'), weighted(2));
    assert.deepEqual(of('norm'), weighted(1));
    assert.deepEqual(of('attention'), ['vit.layers.0.attention', 'vit.layers.1.attention']);
    assert.deepEqual(of('mlp'), ['vit.layers.0.mlp', 'vit.layers.1.mlp']);
    assert.deepEqual(of('block'), ['vit.layers.0', 'vit.layers.1']);
  });
}

test("a model that is trained whole is written under the names of every ViT checkpoint's files", async () => {
  const folder = await wide('vit');
  const [ours, theirs] = await Promise.all([openCheckpoint(folder), openCheckpoint(pathOf('vit'))]);
  assert.deepEqual([...ours.tensors.keys()].toSorted(), [...theirs.tensors.keys()].toSorted());
  await Promise.all([ours.close(), theirs.close()]);
});

test('fields of config.json are honoured or refused by name', async () => {
  const config = configOf('vit');
  assert.deepEqual(imageClassifier(config).ignoredFields, []);
  assert.deepEqual(imageClassifier({ ...config, layerscale_value: 0.1 }).ignoredFields, ['layerscale_value']);
  for (const [fields, message] of [
    [{ hidden_act: 'quick' }, /Expected an activation/],
    [{ image_size: [12] }, /pixels or \[height, width\] at config\.json\.image_size/],
    [{ patch_size: 0 }, /config\.json\.patch_size but found 0/],
    [{ patch_size: 16 }, /patches within the image at config\.json\.patch_size but found 16 × 16 in 12 × 12/],
    [{ qkv_bias: 'yes' }, /true or false at config\.json\.qkv_bias/],
    [{ num_attention_heads: 3 }, /head_dim/],
    [{ quantization_config: {} }, /quantization_config is not supported/],
  ] as const)
    assert.throws(() => imageClassifier({ ...config, ...fields }), message);
  const targets = { peft_type: 'LORA', r: 2, target_modules: ['q_proj', 'projection'] };
  assert.throws(
    () => lora(parsePeftConfig(targets, 'a.json'), imageClassifier(config)),
    /expected linear layers but found vit\.embeddings\.patch_embeddings\.projection, a convolution/,
  );
  const folder = join(root, 'cut');
  await wide('vit');
  await mergeAdapter({ model: join(root, 'vit'), adapter: `${pathOf('vit')}/adapter`, out: folder });
  const cut = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object;
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...cut, image_size: 16 }));
  await assert.rejects(
    openClassifier({ model: folder, engine: ort }),
    /expected weight \[1, 17, 16\] at vit\.embeddings\.position_embeddings but found \[1, 10, 16\]/,
  );
});
