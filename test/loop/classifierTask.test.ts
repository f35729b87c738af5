import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCli } from '../cli/run.ts';
import { fixture } from '../parity.ts';
import { jsonLines } from '../jsonLines.ts';

const model = fixture('classifiers/bert');
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-'));
after(() => rmSync(folder, { recursive: true }));
const rows = [
  { text: 'the cat is very good', label: 'good' },
  { text: 'a dog is bad!', label: 'bad' },
  { text: 'it is a tree.', label: 2 },
  { text: 'he is good', text_pair: 'and she is good', label: 1 },
  { text: 'he is bad', text_pair: 'and she is bad', label: 0 },
  { text: 'the mat is old', label: 'neither' },
];
const lines = (values: readonly object[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');
const at = (name: string, content?: string): string => {
  const path = join(folder, name);
  if (content !== undefined) writeFileSync(path, content);
  return path;
};
const data = at('data.jsonl', lines(rows));
const tune = (adapter: 'lora' | 'none', out: string, ...more: string[]) =>
  runCli(['tune', '--model', model, '--data', data, '--out', at(out), '--adapter', adapter, ...more]);

test('tuneloop tune teaches a classifier its labels: accuracy in every evaluation, and a model folder that scores', async () => {
  const options = ['--eval-data', data, '--learning-rate', '0.01', '--max-steps', '40', '--eval-steps', '20'];
  const outcome = await tune('none', 'run', ...options, '--batch-size', '3');
  assert.equal(outcome.code, 0, outcome.err);
  assert.match(outcome.err, /6 examples, \d+ tokens \(longest \d+\), labels: bad 2, good 2, neither 2/);
  const metrics = jsonLines(at('run/metrics.jsonl'));
  const evals = metrics.filter(({ type }) => type === 'eval');
  assert.equal(evals.length, 3);
  const [first, last] = [evals[0], evals.at(-1)];
  assert.ok(Number(last?.['evalLoss']) < 0.1 * Number(first?.['evalLoss']), JSON.stringify(evals));
  assert.equal(last?.['accuracy'], 1);
  const saved = JSON.parse(readFileSync(at('run/model/config.json'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual(saved['architectures'], ['BertForSequenceClassification']);
  await runCli(['score', '--model', at('run/model'), '--data', data, '--out', at('scores.jsonl')]);
  const best = jsonLines(at('scores.jsonl')).map(({ logits }) => {
    const values = logits as number[];
    return values.indexOf(Math.max(...values));
  });
  assert.deepEqual(best, [1, 0, 2, 1, 0, 2]);
});

test('a batch of six is two accumulated batches of three', async () => {
  const losses: number[][] = [];
  for (const [name, ...sizes] of [
    ['whole', '--batch-size', '6'],
    ['parts', '--batch-size', '3', '--gradient-accumulation-steps', '2'],
  ] as const) {
    const outcome = await tune('none', name, ...sizes, '--max-steps', '4', '--learning-rate', '0.01');
    assert.equal(outcome.code, 0, outcome.err);
    losses.push(
      jsonLines(at(`${name}/metrics.jsonl`)).flatMap(({ type, loss }) => (type === 'step' ? [Number(loss)] : [])),
    );
  }
  losses[0]?.forEach((loss, step) => {
    assert.ok(Math.abs(loss - (losses[1]?.[step] ?? Number.NaN)) < 1e-5 * loss, `step ${step + 1}: ${loss}`);
  });
});

for (const [name, argv, message] of [
  [
    'a label that is none',
    ['--data', at('wrong.jsonl', lines([...rows, { text: 'x', label: 'fine' }]))],
    /wrong\.jsonl, line 7: label: expected one of bad, good, neither/,
  ],
  ['no label', ['--data', at('none.jsonl', lines([{ text: 'x' }]))], /none\.jsonl, line 1: label: expected one of/],
  ['packing', ['--data', data, '--packing'], /data\.packing: a classifier reads one example/],
  ['a loss of tokens', ['--data', data, '--loss', 'all'], /data\.loss: a classifier learns labels/],
] as const) {
  test(`${name} is refused for a classifier`, async () => {
    const outcome = await runCli(['tune', '--model', model, '--out', at(`no ${name}`), '--adapter', 'none', ...argv]);
    assert.match(outcome.err, message);
    assert.notEqual(outcome.code, 0);
  });
}

test('LoRA with dropout on every layer teaches the labels, alike in whole and in accumulated batches, and merges', async () => {
  const losses: number[][] = [];
  for (const [name, ...sizes] of [
    ['lora', '--batch-size', '6'],
    ['lora-parts', '--batch-size', '3', '--gradient-accumulation-steps', '2'],
  ] as const) {
    const options = ['--lora-dropout', '0.1', '--learning-rate', '0.02', '--max-steps', '30'];
    const outcome = await tune('lora', name, ...sizes, ...options);
    assert.equal(outcome.code, 0, outcome.err);
    losses.push(
      jsonLines(at(`${name}/metrics.jsonl`)).flatMap(({ type, loss }) => (type === 'step' ? [Number(loss)] : [])),
    );
  }
  losses[0]?.slice(0, 5).forEach((loss, step) => {
    assert.ok(Math.abs(loss - (losses[1]?.[step] ?? Number.NaN)) < 1e-5 * loss, `step ${step + 1}: ${loss}`);
  });
  const scores = async (...argv: string[]): Promise<number[][]> => {
    const outcome = await runCli(['score', '--data', data, '--out', at('lora.jsonl'), ...argv]);
    assert.equal(outcome.code, 0, outcome.err);
    return jsonLines(at('lora.jsonl')).map(({ logits }) => logits as number[]);
  };
  const adapted = await scores('--model', model, '--adapter', at('lora/adapter'));
  const best = adapted.map((logits) => logits.indexOf(Math.max(...logits)));
  assert.deepEqual(best, [1, 0, 2, 1, 0, 2]);
  const merging = await runCli(['merge', '--model', model, '--adapter', at('lora/adapter'), '--out', at('merged')]);
  assert.equal(merging.code, 0, merging.err);
  const merged = (await scores('--model', at('merged'))).flat();
  // The base is bf16, and so is the merged checkpoint.
  adapted.flat().forEach((logit, i) => assert.ok(Math.abs(logit - (merged[i] ?? Number.NaN)) < 0.3));
});
