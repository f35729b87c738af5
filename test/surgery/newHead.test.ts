import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { newHead } from '../../src/surgery/newHead.ts';
import { runCli } from '../cli/run.ts';
import { fixture } from '../parity.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-head-'));
after(() => rmSync(folder, { recursive: true }));
const labels = ['left', 'right', 'up', 'down'];

/** Bytes of all tensors by name, and the config. */
async function contents(path: string) {
  const checkpoint = await openCheckpoint(path);
  const tensors = new Map<string, string>();
  for (const source of checkpoint.tensors.values())
    tensors.set(
      source.name,
      `${source.storage} ${source.shape.join('x')} ${Buffer.from(await source.read()).toString('hex')}`,
    );
  await checkpoint.close();
  return { config: checkpoint.config, tensors };
}

for (const [name, architecture, drawn] of [
  ['vision/bare', 'ViTForImageClassification', ['classifier.weight', 'classifier.bias']],
  ['vision/vit', 'ViTForImageClassification', ['classifier.weight', 'classifier.bias']],
  ['classifiers/bert', 'BertForSequenceClassification', ['classifier.weight', 'classifier.bias']],
  ['architectures/qwen2', 'Qwen2ForSequenceClassification', ['score.weight']],
] as const) {
  test(`${name}: a head for other labels is drawn, all else is the model's, bit for bit`, async () => {
    const out = join(folder, name.replace('/', '-'));
    const summary = await newHead({ model: fixture(name), labels, seed: 3, out });
    assert.deepEqual(summary.drawn, drawn);
    const [base, made] = [await contents(fixture(name)), await contents(out)];
    assert.deepEqual(made.config['architectures'], [architecture]);
    assert.deepEqual(made.config['id2label'], { 0: 'left', 1: 'right', 2: 'up', 3: 'down' });
    assert.match(made.tensors.get(drawn[0]) ?? '', /^bf16 4x16 /);
    for (const [tensor, value] of made.tensors) {
      if ((drawn as readonly string[]).includes(tensor)) continue;
      assert.equal(value, base.tensors.get(tensor) ?? base.tensors.get(tensor.replace(/^vit\./, '')), tensor);
    }
    const again = join(folder, `again-${name.replace('/', '-')}`);
    await newHead({ model: fixture(name), labels, seed: 3, out: again });
    assert.deepEqual((await contents(again)).tensors, made.tensors);
    await newHead({ model: fixture(name), labels, seed: 4, out: `${again}-4` });
    assert.notEqual((await contents(`${again}-4`)).tensors.get(drawn[0]), made.tensors.get(drawn[0]));
  });
}

test('tuneloop surgery new-head makes of an encoder of images a classifier that tune trains, its head alone too', async () => {
  const out = join(folder, 'headed');
  const made = await runCli([
    'surgery',
    'new-head',
    '--model',
    fixture('vision/bare'),
    '--labels',
    'dark',
    'light',
    '--out',
    out,
  ]);
  assert.equal(made.code, 0, made.err);
  assert.match(made.err, /drawn classifier\.weight, classifier\.bias; weights in bf16/);
  const row = (i: number) => ({ image: [[i % 2 ? 250 : 5, 10 * i]], label: i % 2 ? 'light' : 'dark' });
  const data = join(folder, 'data.jsonl');
  writeFileSync(data, Array.from({ length: 12 }, (_, i) => `${JSON.stringify(row(i))}\n`).join(''));
  const run = join(folder, 'run');
  const options = ['--adapter', 'head', '--learning-rate', '0.1', '--max-steps', '30', '--eval-data', data];
  const tuned = await runCli(['tune', '--model', out, '--data', data, '--out', run, ...options]);
  assert.equal(tuned.code, 0, tuned.err);
  // 16 × 2 weights and 2 biases.
  assert.match(tuned.err, /34 of \d+ parameters are trained/);
  const evals = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"eval"'))
    .map((line) => JSON.parse(line) as { evalLoss: number; accuracy: number });
  assert.ok((evals.at(-1)?.evalLoss ?? 9) < 0.7 * (evals[0]?.evalLoss ?? 0), JSON.stringify(evals));
  const score = (...argv: string[]) => runCli(['score', '--data', data, ...argv]);
  const scored = await score('--model', out, '--adapter', join(run, 'adapter'));
  assert.equal(scored.code, 0, scored.err);
  const merged = join(folder, 'merged');
  assert.equal((await runCli(['merge', '--model', out, '--adapter', join(run, 'adapter'), '--out', merged])).code, 0);
  assert.equal((await score('--model', merged)).code, 0);
});

test('labels that stand twice, a model without a class of transformers and a language model are refused by name', async () => {
  const out = join(folder, 'refused');
  await assert.rejects(
    newHead({ model: fixture('vision/vit'), labels: ['a', 'a'], seed: 0, out }),
    /labels: expected different names but found a twice/,
  );
  const nameless = join(folder, 'nameless');
  await newHead({ model: fixture('vision/vit'), labels, seed: 0, out: nameless });
  const { config } = await contents(nameless);
  writeFileSync(join(nameless, 'config.json'), JSON.stringify({ ...config, architectures: undefined }));
  await assert.rejects(
    newHead({ model: nameless, labels, seed: 0, out }),
    /nameless: expected a class of transformers at config\.json\.architectures but found nothing/,
  );
  const data = join(folder, 'text.jsonl');
  writeFileSync(data, `${JSON.stringify({ text: 'a b' })}\n`);
  const probed = await runCli([
    'tune',
    '--model',
    fixture('models/chat'),
    '--data',
    data,
    '--out',
    out,
    '--adapter',
    'head',
  ]);
  assert.match(probed.err, /adapter\.type: expected a classifier for head but this llama is a language model/);
});
