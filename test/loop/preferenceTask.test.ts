import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { full } from '../../src/adapters/full.ts';
import { makeBatches } from '../../src/data/batches.ts';
import { examplesOf } from '../../src/data/examples.ts';
import { pairExample, preparePairs } from '../../src/data/pairs.ts';
import type { Row } from '../../src/data/reader.ts';
import { openModel, tokenizerOf } from '../../src/loop/model.ts';
import { preferenceTask } from '../../src/loop/preferenceTask.ts';
import { gradientName } from '../../src/loop/programs.ts';
import { dpo } from '../../src/objectives/dpo.ts';
import { orpo } from '../../src/objectives/orpo.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { runCli } from '../cli/run.ts';
import { evaluateExactly, fixture, readFixture } from '../parity.ts';

interface Result {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly ids: readonly (readonly [number[], number[]])[];
  readonly gradients: Readonly<Record<string, readonly [norm: number, product: number]>>;
}

interface Expected {
  readonly rows: readonly { prompt: string; chosen: string; rejected: string }[];
  readonly dpo: Result;
  readonly orpo: Result;
}

const expected = readFixture('preferences/expected.json') as Expected;
const model = fixture('models/chat');
const adapter = fixture('preferences/adapter');
const root = await mkdtemp(join(tmpdir(), 'tuneloop-preferences-'));
const engine = ortEngine({ threads: 1 });
after(async () => {
  engine.close();
  await rm(root, { recursive: true });
});
const data = { packing: false, loss: 'auto' } as const;

async function* rowsOf(rows: Expected['rows']): AsyncGenerator<Row> {
  for (const [index, fields] of rows.entries())
    yield { index, place: `pairs.jsonl, line ${index + 1}`, fields: { ...fields } };
}

/** 1 from where the two sequences of a pair differ: TRL's masks of these rows. */
const answers = ([chosen, rejected]: Result['ids'][number], prompt: number) =>
  [chosen, rejected].map((ids) => ({ ids, mask: ids.map((_, t) => (t < prompt ? 0 : 1)) }));

test("pairs are TRL's sequences, a prompt without a loss before each answer", async () => {
  const loaded = await openModel({ model, engine });
  const { examples } = await preparePairs(rowsOf(expected.rows), tokenizerOf(loaded));
  await loaded.close();
  assert.equal(examples.count, expected.rows.length);
  expected.dpo.ids.forEach(([chosen, rejected], i) => {
    const { ids, tokenTypes, mask } = examples.at(i);
    assert.deepEqual([...ids], [...chosen, ...rejected]);
    assert.deepEqual([...(tokenTypes ?? [])], [...chosen.map(() => 0), ...rejected.map(() => 1)]);
    assert.ok(mask[0] === 0 && mask.at(-1) === 1 && mask[chosen.length - 1] === 1 && mask[chosen.length] === 0);
  });
});

for (const [name, objective] of [
  ['dpo', dpo(0.1)],
  ['orpo', orpo(0.1)],
] as const) {
  test(`${name}: loss, rewards and gradients are TRL's, on ONNX Runtime and in f64`, async () => {
    const result = expected[name];
    const loaded = await openModel({ model, adapter, engine });
    const tokenizer = tokenizerOf(loaded);
    const task = preferenceTask(loaded, objective, data);
    const pairs = expected.rows.map(({ prompt }, i) => {
      const bos = result.ids[i]?.[0][0] === 1 ? 1 : 0;
      const [chosen, rejected] = answers(result.ids[i] ?? assert.fail(), tokenizer.encode(prompt).length + bos);
      return pairExample(i, chosen ?? assert.fail(), rejected ?? assert.fail());
    });
    const batch = makeBatches(examplesOf(pairs), { batchSize: 3, padMultiple: 8, counts: 'pairs' }).at(0, 0);
    assert.equal(batch.supervisedTokens, 3);
    const trained = loaded.attached ?? assert.fail();
    const shape = { batch: batch.batch, length: batch.length, packed: true };
    const graph = task.trainGraph(trained.adapter, shape, { accumulate: false, recompute: false });
    const feeds = { ...task.feeds(batch, graph), normalizer: tensor('f32', [], [1 / batch.supervisedTokens]) };
    const program = await loaded.programs.get('train', () => graph);
    for (const found of [await program.run(feeds), await evaluateExactly(graph, feeds, loaded.store)]) {
      const loss = found['loss']?.data[0] ?? NaN;
      assert.ok(Math.abs(loss - result.loss) < 2e-6 * Math.max(1, result.loss), `${loss} against ${result.loss}`);
      for (const [metric, theirs] of [
        ['rewardChosen', 'rewards/chosen'],
        ['rewardMargin', 'rewards/margins'],
        ['rewardAccuracy', 'rewards/accuracies'],
      ] as const) {
        const value = found[`metric ${metric}`]?.data[0] ?? NaN;
        assert.ok(Math.abs(value - (result.metrics[theirs] ?? NaN)) < 1e-5, `${metric} ${value}`);
      }
      for (const { name: own } of trained.adapter.parameters) {
        const gradient = found[gradientName(own)]?.data ?? assert.fail(own);
        const [norm, product] = result.gradients[own] ?? assert.fail(own);
        const numbers = Array.from(gradient);
        const ownNorm = Math.sqrt(numbers.reduce((sum, value) => sum + value * value, 0));
        const ownProduct = numbers.reduce((sum, value, i) => sum + value * Math.cos(i), 0);
        assert.ok(Math.abs(ownNorm - norm) < 1e-4 * norm, `${own}: norm ${ownNorm} against ${norm}`);
        assert.ok(Math.abs(ownProduct - product) < 1e-4 * norm, `${own}: product ${ownProduct} against ${product}`);
      }
    }
    const evaluated = await task.evaluate([batch]);
    assert.ok(Math.abs(evaluated.loss - result.loss) < 1e-5);
    assert.ok(Math.abs((evaluated.accuracy ?? NaN) - (result.metrics['rewards/accuracies'] ?? NaN)) < 1e-6);
    await loaded.close();
  });
}

test('a model that is trained whole leaves no reference for dpo, and packing and other losses are refused', async () => {
  const loaded = await openModel({ model, engine, newAdapter: { make: full, seed: 0 } });
  const task = preferenceTask(loaded, dpo(0.1), data);
  const shape = { batch: 1, length: 8, packed: true };
  const { adapter: whole } = loaded.attached ?? assert.fail();
  assert.throws(
    () => task.trainGraph(whole, shape, { accumulate: false, recompute: false }),
    /Expected a frozen base for referenceLogprobs/,
  );
  assert.throws(
    () => preferenceTask(loaded, dpo(0.1), { ...data, packing: true }),
    /data\.packing: dpo reads one pair/,
  );
  assert.throws(() => preferenceTask(loaded, orpo(0.1), { ...data, loss: 'all' }), /data\.loss: expected completion/);
  await loaded.close();
});

test('from the command line: pairs in, an adapter that tells them apart out, the same for any accumulation', async () => {
  const path = join(root, 'pairs.jsonl');
  await writeFile(path, expected.rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const run = (name: string, ...words: string[]) =>
    runCli([
      'tune',
      '--model',
      model,
      '--data',
      path,
      '--out',
      join(root, name),
      '--objective',
      'dpo',
      '--max-steps',
      '6',
      '--learning-rate',
      '0.01',
      '--lr-scheduler-type',
      'constant',
      '--threads',
      '1',
      ...words,
    ]);
  const graded = ['--reward', 'exactMatch', '--reward.maxNewTokens', '4'];
  const whole = await run('whole', '--batch-size', '3', '--eval-data', path, ...graded);
  assert.equal(whole.code, 0, whole.err);
  assert.match(whole.err, /Examples are pairs, the chosen answer first/);
  await run('parts', '--batch-size', '1', '--gradient-accumulation-steps', '3');
  const lines = async (name: string) =>
    (await readFile(join(root, name, 'metrics.jsonl'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as {
            type: string;
            loss: number;
            accuracy?: number;
            graded?: number;
            metrics?: Record<string, number>;
          },
      );
  const [one, three] = [await lines('whole'), await lines('parts')];
  const losses = (all: typeof one) => all.filter(({ type }) => type === 'step').map(({ loss }) => loss);
  losses(one).forEach((loss, i) => assert.ok(Math.abs(loss - (losses(three)[i] ?? NaN)) < 1e-5));
  assert.ok(Math.abs((losses(one)[0] ?? NaN) - Math.LN2) < 1e-6, 'a new adapter is its reference');
  const measured = one.findLast(({ type }) => type === 'eval');
  assert.equal(measured?.accuracy, 1);
  assert.equal(measured.graded, expected.rows.length, 'answers are graded by the chosen ones');
  assert.equal(one.findLast(({ type }) => type === 'step')?.metrics?.['rewardAccuracy'], 1);
  const supervised = await runCli([
    'tune',
    '--model',
    model,
    '--data',
    path,
    '--out',
    join(root, 'sft'),
    '--threads',
    '1',
  ]);
  assert.match(supervised.err, /objectives such as dpo train on/);
});
