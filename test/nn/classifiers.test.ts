import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { after, test } from 'node:test';
import { loadTokenizer } from '../../src/hub/tokenizer.ts';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { gradients } from '../../src/ir/grad.ts';
import { buildGraph, input, parameter, type Value } from '../../src/ir/graph.ts';
import { mean } from '../../src/ir/ops/reduceMean.ts';
import { type EncoderInputs, type Model } from '../../src/nn/model.ts';
import { classifier, encoder, imageClassifier, languageModel, modelKind } from '../../src/nn/models/index.ts';
import { ownTensors } from '../../src/nn/ownNames.ts';
import { type Sites, plainSites } from '../../src/nn/sites.ts';
import { labelLosses } from '../../src/objectives/labelLosses.ts';
import type { Engine, Tensors } from '../../src/runtime/engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { weightStore } from '../../src/runtime/weights.ts';
import { fixture, readFixture, sharedPath } from '../parity.ts';
import { recordingSites } from './recordingSites.ts';

interface Expected {
  ids: number[][];
  lengths: number[];
  tokenTypes: number[][];
  labels: number[] | number[][];
  hidden: number[][];
  logits: number[][];
  full: { loss: number; gradients: Record<string, [norm: number, product: number]> };
}

const names = readdirSync(fixture('classifiers'));
const ort = ortEngine({ threads: 1 });
const engines = [ort, referenceEngine()];
after(() => engines.forEach((engine) => engine.close()));

const expectedOf = (name: string): Expected => readFixture(`classifiers/${name}/expected.json`) as Expected;
const configOf = (name: string): Record<string, unknown> =>
  readFixture(`classifiers/${name}/config.json`) as Record<string, unknown>;

interface Built {
  readonly inputs: EncoderInputs;
  readonly param: (name: string) => Value;
}

function build(model: Model, batch: number, time: number, sites: Sites = plainSites): Built {
  const leaves = new Map(model.parameters.map(({ name, shape }) => [name, parameter(name, shape)]));
  const param = (name: string): Value => leaves.get(name) ?? assert.fail(name);
  const feed = (name: string): Value => input(name, 'i32', [batch, time]);
  const [ids, positions, segments, tokenTypes] = ['ids', 'positions', 'segments', 'tokenTypes'].map(feed);
  assert.ok(ids && positions && segments && tokenTypes);
  return {
    param,
    inputs: { param, ids, positions, segments, tokenTypes, positionLimit: time, sites, recompute: true },
  };
}

function feedsOf({ ids, lengths, tokenTypes }: Pick<Expected, 'ids' | 'lengths' | 'tokenTypes'>): Tensors {
  const [batch, time] = [ids.length, ids[0]?.length ?? 0];
  const rows = (values: number[][]) => tensor('i32', [batch, time], values.flat());
  return {
    ids: rows(ids),
    tokenTypes: rows(tokenTypes),
    positions: rows(ids.map((row) => row.map((_, t) => t))),
    segments: rows(ids.map((row, r) => row.map((_, t) => (t < (lengths[r] ?? 0) ? 0 : -1)))),
  };
}

async function run(
  folder: string,
  engine: Engine,
  model: Model,
  outputs: Record<string, Value>,
  feeds: Tensors,
): Promise<Tensors> {
  const checkpoint = await openCheckpoint(folder);
  const store = weightStore();
  for (const source of ownTensors(checkpoint.tensors, model).values()) store.add(source);
  const graph = buildGraph(outputs);
  const program = await engine.load(graph);
  for (const { kind, name } of graph.leaves) if (kind === 'parameter') program.bind(name, store.get(name));
  const wanted = new Set(graph.leaves.map(({ name }) => name));
  const results = await program.run(Object.fromEntries(Object.entries(feeds).filter(([name]) => wanted.has(name))));
  program.release();
  await checkpoint.close();
  return results;
}

function assertClose(found: ArrayLike<number> | undefined, want: readonly number[], tolerance = 1e-5): void {
  assert.equal(found?.length, want.length);
  want.forEach((value, i) => {
    assert.ok(Math.abs((found?.[i] ?? Number.NaN) - value) < tolerance, `${i}: ${found?.[i]} against ${value}`);
  });
}

const placesOf = ({ lengths }: Expected, reads: 'first' | 'last') =>
  tensor(
    'i32',
    [lengths.length],
    lengths.map((length, row) => row * 12 + (reads === 'last' ? length - 1 : 0)),
  );

for (const name of names) {
  const folder = fixture(`classifiers/${name}`);
  const expected = expectedOf(name);
  const model = classifier(configOf(name));
  for (const engine of engines) {
    test(`${name}: logits of a padded batch on ${engine.name} within 1e-5 of transformers'`, async () => {
      const { inputs } = build(model, 3, 12);
      const logits = model.logits(inputs, input('places', 'i32', [3]));
      const feeds = { ...feedsOf(expected), places: placesOf(expected, model.reads) };
      const found = await run(folder, engine, model, { logits }, feeds);
      assertClose(found['logits']?.data, expected.logits.flat());
    });
  }

  test(`${name}: loss and gradients of all weights are PyTorch's`, async () => {
    const { inputs, param } = build(model, 3, 12);
    const count = model.labels.length;
    const type = model.problemType ?? 'single_label_classification';
    const logits = model.logits(inputs, input('places', 'i32', [3]));
    const loss = mean(labelLosses[type](logits, input('labels', 'f32', [3, count])));
    const found = gradients(
      loss,
      model.parameters.map((each) => param(each.name)),
    );
    const outputs = Object.fromEntries(
      model.parameters.map((each, i) => [`d ${each.name}`, found[i] ?? assert.fail(each.name)]),
    );
    const targets = expected.labels.map((label) =>
      typeof label === 'number' ? Array.from({ length: count }, (_, l) => (l === label ? 1 : 0)) : label,
    );
    const feeds = {
      ...feedsOf(expected),
      places: placesOf(expected, model.reads),
      labels: tensor('f32', [3, count], targets.flat()),
    };
    const results = await run(folder, ort, model, { loss, ...outputs }, feeds);
    assertClose(results['loss']?.data, [expected.full.loss]);
    assert.deepEqual(
      model.parameters.map((each) => each.name).toSorted(),
      Object.keys(expected.full.gradients).toSorted(),
    );
    for (const [leaf, [norm, product]] of Object.entries(expected.full.gradients)) {
      const gradient = Float64Array.from(results[`d ${leaf}`]?.data ?? []);
      const along = gradient.reduce((total, value, i) => total + value * Math.cos(i), 0);
      const length = Math.sqrt(gradient.reduce((total, value) => total + value * value, 0));
      const tolerance = 1e-4 * norm + 1e-7;
      assert.ok(Math.abs(length - norm) < tolerance, `${leaf}: norm ${length} against ${norm}`);
      assert.ok(Math.abs(along - product) < tolerance, `${leaf}: product ${along} against ${product}`);
    }
  });

  test(`${name}: every layer goes through the site of its kind, by its checkpoint name`, () => {
    const { sites, of } = recordingSites();
    model.logits(build(model, 3, 12, sites).inputs, input('places', 'i32', [3]));
    const modules = model.parameters
      .filter(({ shape, name: leaf }) => shape.length === 2 && !leaf.includes('embed'))
      .map((each) => each.name.replace(/\.weight$/, ''));
    assert.deepEqual(of('linear'), modules.toSorted());
    assert.deepEqual(of('embedding'), model.embeddings.map((embedding) => embedding.name).toSorted());
    for (const kind of ['attention', 'mlp', 'block'] as const) assert.equal(of(kind).length, 2, kind);
    const norms = model.parameters.filter(({ shape, name: leaf }) => shape.length === 1 && leaf.endsWith('.weight'));
    assert.deepEqual(of('norm'), norms.map((norm) => norm.name.replace(/\.weight$/, '')).toSorted());
  });
}

for (const name of names.filter((each) => each !== 'llama')) {
  test(`${name}: the encoder's hidden states within 1e-5 of transformers'`, async () => {
    const expected = expectedOf(name);
    const model = encoder(configOf(name));
    const { inputs } = build(model, 3, 12);
    const found = await run(
      fixture(`classifiers/${name}`),
      ort,
      model,
      { hidden: model.hidden(inputs) },
      feedsOf(expected),
    );
    assertClose(Array.from(found['hidden']?.data ?? []).slice(0, 12 * 16), expected.hidden.flat());
  });
}

test('what a checkpoint is for is read off its config', () => {
  assert.equal(modelKind(configOf('bert')), 'classifier');
  assert.equal(modelKind(configOf('llama')), 'classifier');
  assert.equal(modelKind({ model_type: 'bert', architectures: ['BertModel'] }), 'encoder');
  assert.equal(modelKind({ model_type: 'llama' }), 'language');
  assert.equal(modelKind({ model_type: 'vit', architectures: ['ViTForImageClassification'] }), 'imageClassifier');
  assert.equal(modelKind({ model_type: 'vit', architectures: ['ViTModel'] }), 'imageEncoder');
  assert.throws(() => imageClassifier({ model_type: 'vit' }), /this vit is an encoder of images without a head/);
  assert.throws(() => classifier({ model_type: 'vit' }), /Expected a classifier but this vit is an encoder of images/);
  assert.throws(() => languageModel(configOf('llama')), /Expected a language model but this llama is a classifier/);
  assert.throws(
    () => languageModel({ model_type: 'bert' }),
    /Expected a language model but this bert is an encoder without a head/,
  );
  assert.throws(() => encoder({ model_type: 'vit' }), /bert, distilbert, roberta in config.json but found "vit"/);
  assert.throws(() => classifier({ ...configOf('bert'), problem_type: 'ranking' }), /problem_type but found "ranking"/);
  assert.throws(() => classifier({ ...configOf('bert'), id2label: { 1: 'a' } }), /id2label/);
  assert.throws(
    () => classifier({ ...configOf('bert'), position_embedding_type: 'relative_key' }),
    /position_embedding_type/,
  );
});

test('a real encoder, MiniLM: hidden states of a sentence as transformers computes them', async (context) => {
  const folder = sharedPath('models/minilm') ?? process.env['TUNELOOP_MINILM'];
  if (folder === undefined || !existsSync(folder)) {
    context.skip('no MiniLM folder: fetch it and name it in TUNELOOP_MINILM');
    return;
  }
  const { texts, ids, tokenTypes, hidden } = readFixture('minilm.json') as {
    texts: [string, string];
    ids: number[];
    tokenTypes: number[];
    hidden: number[];
  };
  const checkpoint = await openCheckpoint(folder);
  const model = encoder(checkpoint.config);
  const made = loadTokenizer(checkpoint.tokenizer ?? assert.fail()).encodePair(...texts);
  assert.deepEqual([made.ids, made.tokenTypes], [ids, tokenTypes]);
  await checkpoint.close();
  const { inputs } = build(model, 1, ids.length);
  const feeds = feedsOf({ ids: [ids], lengths: [ids.length], tokenTypes: [tokenTypes] });
  const found = await run(folder, ort, model, { hidden: model.hidden(inputs) }, feeds);
  // The first 16 channels of each token.
  const shown = ids.flatMap((_, t) => Array.from(found['hidden']?.data.slice(t * 384, t * 384 + 16) ?? []));
  assertClose(shown, hidden, 1e-5);
});
