import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCli } from '../cli/run.ts';
import { fixture, readFixture } from '../parity.ts';

interface Text {
  text: string;
  text_pair: string | null;
  ids: number[];
  logits: number[];
}

const { texts } = readFixture('classifiers/bert/expected.json') as { texts: Text[] };
const model = fixture('classifiers/bert');
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-'));
after(() => rmSync(folder, { recursive: true }));
const data = join(folder, 'texts.jsonl');
writeFileSync(data, texts.map(({ text, text_pair }) => `${JSON.stringify({ text, text_pair })}\n`).join(''));

test('tuneloop score writes the ids and logits that transformers makes of texts and pairs, in batches and alone', async () => {
  for (const batchSize of ['1', '3']) {
    const out = join(folder, `scores-${batchSize}.jsonl`);
    const outcome = await runCli(['score', '--model', model, '--data', data, '--out', out, '--batch-size', batchSize]);
    assert.equal(outcome.code, 0, outcome.err);
    const lines = readFileSync(out, 'utf8').trim().split('\n');
    assert.equal(lines.length, texts.length);
    for (const [index, line] of lines.entries()) {
      const found = JSON.parse(line) as { index: number; ids: number[]; logits: number[] };
      const want = texts[index] ?? assert.fail();
      assert.deepEqual(Object.keys(found), ['index', 'ids', 'logits']);
      assert.equal(found.index, index);
      assert.deepEqual(found.ids, want.ids);
      want.logits.forEach((logit, i) => assert.ok(Math.abs(logit - (found.logits[i] ?? Number.NaN)) < 1e-5));
    }
  }
});

test('longer texts are cut to --max-length, the longer of a pair first, special tokens kept', async () => {
  const out = join(folder, 'cut.jsonl');
  await runCli(['score', '--model', model, '--data', data, '--out', out, '--max-length', '8']);
  const [single, pair] = readFileSync(out, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as Text).ids);
  // As transformers' truncation='longest_first' has it.
  assert.deepEqual(single, [2, 5, 7, 9, 11, 5, 13, 3]);
  assert.deepEqual(pair, [2, 29, 15, 3, 30, 27, 25, 3]);
});

for (const [argv, message] of [
  [['score', '--model', model, '--data', data, '--loss', 'all'], /--loss: a classifier has no tokens/],
  [
    ['generate', '--model', model, '--data', data, '--max-new-tokens', '2'],
    /Expected a language model but this bert is a classifier/,
  ],
] as const) {
  test(`tuneloop ${argv[0]} ${argv.slice(5).join(' ').replace(model, 'M')} on a classifier is refused`, async () => {
    const outcome = await runCli([...argv, '--out', join(folder, 'x')]);
    assert.match(outcome.err, message);
    assert.notEqual(outcome.code, 0);
  });
}
