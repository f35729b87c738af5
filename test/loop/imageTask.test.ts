import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { classify } from '../../src/loop/onRows.ts';
import { loadClassifier } from '../../src/loop/loadModel.ts';
import { runCli } from '../cli/run.ts';
import { collect, fixture } from '../parity.ts';
import { jsonLines } from '../jsonLines.ts';

const model = fixture('vision/vit');
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-images-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string, content?: string): string => {
  const path = join(folder, name);
  if (content !== undefined) writeFileSync(path, content);
  return path;
};
const names = ['cat', 'dog', 'tree'];
const lines = (values: readonly object[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');

/** A square of 6 × 6 pixels, red, green or blue by its label, somewhere in an image of 15 × 10. */
function drawn(index: number): { image: number[][][]; label: string } {
  const kind = index % 3;
  const [left, top] = [(5 * index) % 9, (3 * index) % 4];
  const inside = (x: number, y: number): boolean => x >= left && x < left + 6 && y >= top && y < top + 6;
  const image = Array.from({ length: 10 }, (_, y) =>
    Array.from({ length: 15 }, (__, x) => [0, 1, 2].map((c) => (inside(x, y) && c === kind ? 230 : 20))),
  );
  return { image, label: names[kind] ?? '' };
}

const rows = Array.from({ length: 18 }, (_, index) => drawn(index));
const data = at('data.jsonl', lines(rows));
const tune = (adapter: string, out: string, ...more: string[]) =>
  runCli(['tune', '--model', model, '--data', data, '--out', at(out), '--adapter', adapter, ...more]);

async function logitsOf(...argv: string[]): Promise<number[][]> {
  const outcome = await runCli(['score', '--data', data, '--out', at('scores.jsonl'), ...argv]);
  assert.equal(outcome.code, 0, outcome.err);
  const found = jsonLines(at('scores.jsonl'));
  assert.deepEqual(Object.keys(found[0] ?? {}), ['index', 'logits']);
  return found.map(({ logits }) => logits as number[]);
}

const best = (logits: readonly number[][]): string[] => logits.map((row) => names[row.indexOf(Math.max(...row))] ?? '');

for (const [adapter, rate] of [
  ['lora', '0.01'],
  ['ssf', '0.02'],
  ['none', '0.01'],
] as const) {
  test(`--adapter ${adapter} teaches an image classifier its labels, and what is written scores, merges and goes on`, async () => {
    const options = [
      '--learning-rate',
      rate,
      '--batch-size',
      '6',
      '--eval-data',
      data,
      '--eval-steps',
      '20',
      '--schedule.type',
      'constant',
    ];
    const outcome = await tune(adapter, adapter, ...options, '--max-steps', '20');
    assert.equal(outcome.code, 0, outcome.err);
    assert.match(outcome.err, /18 images of 12 × 12, labels: cat 6, dog 6, tree 6/);
    assert.doesNotMatch(outcome.err, /Padding/);
    const longer = await runCli(['tune', '--resume', at(adapter), '--max-steps', '40']);
    assert.equal(longer.code, 0, longer.err);
    const steps = jsonLines(at(`${adapter}/metrics.jsonl`)).filter(({ type }) => type === 'step');
    if (adapter === 'lora') {
      assert.equal((await tune(adapter, 'unbroken', ...options, '--max-steps', '40')).code, 0);
      const unbroken = jsonLines(at('unbroken/metrics.jsonl')).filter(({ type }) => type === 'step');
      const losses = (of: typeof steps) => of.map(({ loss }) => loss);
      assert.deepEqual(losses(steps), losses(unbroken));
    }
    // 10 tokens an image: nine patches and that of the class.
    assert.equal(steps[0]?.['tokens'], 60);
    const last = jsonLines(at(`${adapter}/metrics.jsonl`)).findLast(({ type }) => type === 'eval');
    assert.equal(last?.['accuracy'], 1, JSON.stringify(last));
    const tuned =
      adapter === 'none' ? ['--model', at('none/model')] : ['--model', model, '--adapter', at(`${adapter}/adapter`)];
    const logits = await logitsOf(...tuned);
    assert.deepEqual(
      best(logits),
      rows.map(({ label }) => label),
    );
    assert.deepEqual(await logitsOf(...tuned, '--batch-size', '1').then((alone) => best(alone)), best(logits));
    if (adapter === 'none') return;
    const merging = await runCli([
      'merge',
      '--model',
      model,
      '--adapter',
      at(`${adapter}/adapter`),
      '--out',
      at(`${adapter} merged`),
    ]);
    assert.equal(merging.code, 0, merging.err);
    assert.deepEqual(best(await logitsOf('--model', at(`${adapter} merged`))), best(logits));
  });
}

test('a batch of six images is two accumulated batches of three, under dropout too', async () => {
  const losses: number[][] = [];
  for (const [name, ...sizes] of [
    ['whole', '--batch-size', '6'],
    ['parts', '--batch-size', '3', '--gradient-accumulation-steps', '2'],
  ] as const) {
    const outcome = await tune(
      'lora',
      name,
      ...sizes,
      '--max-steps',
      '4',
      '--lora-dropout',
      '0.1',
      '--learning-rate',
      '0.01',
    );
    assert.equal(outcome.code, 0, outcome.err);
    losses.push(
      jsonLines(at(`${name}/metrics.jsonl`)).flatMap(({ type, loss }) => (type === 'step' ? [Number(loss)] : [])),
    );
  }
  assert.equal(losses[0]?.length, 4);
  losses[0]?.forEach((loss, step) => {
    assert.ok(Math.abs(loss - (losses[1]?.[step] ?? Number.NaN)) < 1e-5 * loss, `step ${step + 1}: ${loss}`);
  });
});

test('the library classifies images as the command does', async () => {
  const loaded = await loadClassifier(model);
  const found = await collect(classify(loaded, rows));
  await loaded.close();
  assert.deepEqual(
    found.map(({ logits }) => [...logits]),
    await logitsOf('--model', model),
  );
});

test("a checkpoint's preprocessor_config.json decides what the model sees, and goes along with what is written", async () => {
  const merged = at('with processor');
  const merging = await runCli(['merge', '--model', model, '--adapter', `${model}/adapter`, '--out', merged]);
  assert.equal(merging.code, 0, merging.err);
  const before = await logitsOf('--model', merged);
  writeFileSync(join(merged, 'preprocessor_config.json'), JSON.stringify({ size: 12, image_mean: 0, image_std: 1 }));
  assert.notDeepEqual(await logitsOf('--model', merged), before);
  const outcome = await runCli([
    'tune',
    '--model',
    merged,
    '--data',
    data,
    '--out',
    at('kept'),
    '--adapter',
    'none',
    '--max-steps',
    '1',
  ]);
  assert.equal(outcome.code, 0, outcome.err);
  assert.doesNotMatch(outcome.err, /No preprocessor_config/);
  const kept = JSON.parse(readFileSync(at('kept/model/preprocessor_config.json'), 'utf8')) as unknown;
  assert.deepEqual(kept, { size: 12, image_mean: 0, image_std: 1 });
  writeFileSync(join(merged, 'preprocessor_config.json'), JSON.stringify({ size: 224 }));
  const refused = await runCli(['score', '--model', merged, '--data', data]);
  assert.match(
    refused.err,
    /with processor: preprocessor_config\.json: expected the size of the model's images, 12 × 12/,
  );
});

for (const [name, argv, message] of [
  [
    'an image that is none',
    ['--data', at('gone.jsonl', lines([...rows, { image: 'gone.png', label: 0 }]))],
    /gone\.jsonl, line 19: image gone\.png: Cannot read/,
  ],
  [
    'a label that is none',
    ['--data', at('label.jsonl', lines([{ ...rows[0], label: 'fish' }]))],
    /label\.jsonl, line 1: label: expected one of cat, dog, tree/,
  ],
  [
    'text',
    ['--data', at('text.jsonl', lines([{ text: 'a cat', label: 'cat' }]))],
    /text\.jsonl, line 1: expected columns \{image, label\?\} but found text, label/,
  ],
  ['packing', ['--data', data, '--packing'], /data\.packing: a classifier reads one example/],
  [
    'an objective of tokens',
    ['--data', data, '--objective', 'dft'],
    /objective\.type: expected one of labels, such as sft, for the classifier/,
  ],
] as const) {
  test(`${name} is refused for an image classifier`, async () => {
    const outcome = await runCli(['tune', '--model', model, '--out', at(`no ${name}`), '--adapter', 'none', ...argv]);
    assert.match(outcome.err, message);
    assert.notEqual(outcome.code, 0);
  });
}

test('what is said of tokens is refused for images', async () => {
  const outcome = await tune('lora', 'cut', '--max-length', '16');
  assert.equal(outcome.code, 1, outcome.err);
  assert.match(outcome.err, /data\.maxLength: images have no tokens to cut off: 16 says nothing here/);
});

test('an encoder of images without a head is refused', async () => {
  const outcome = await runCli(['score', '--model', fixture('vision/bare'), '--data', data]);
  assert.match(outcome.err, /Expected a classifier of images but this vit is an encoder of images without a head/);
  assert.notEqual(outcome.code, 0);
});
