import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCli } from './run.ts';
import { jsonLines } from '../jsonLines.ts';

const nano = fileURLToPath(new URL('../../assets/nano', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-generate-'));
after(() => rmSync(folder, { recursive: true }));
const data = join(folder, 'prompts.jsonl');
writeFileSync(data, '{"prompt": "Mia has two"}\n{"messages": [{"role": "user", "content": "What is 2 plus 3?"}]}\n');
const argv = ['generate', '--model', nano, '--data', data, '--max-new-tokens', '120'];

interface Line {
  readonly index: number;
  readonly sample?: number;
  readonly ids: number[];
  readonly text: string;
  readonly finishReason: string;
  readonly logprobs?: { logprob: number; top: object[] }[];
}

async function lines(...options: string[]): Promise<Line[]> {
  const { code, out, err } = await runCli([...argv, ...options]);
  assert.equal(code, 0, err);
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

test('samples, stop strings and log-probabilities', async () => {
  const found = await lines(
    '--samples',
    '2',
    '--temperature',
    '1',
    '--min-p',
    '0.05',
    '--logprobs',
    '1',
    '--stop',
    '.',
    'zzz',
  );
  assert.deepEqual(
    found.map(({ index, sample }) => [index, sample]),
    [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ],
  );
  for (const { text, ids, logprobs } of found) {
    assert.ok(!text.includes('.'), text);
    assert.equal(logprobs?.length, ids.length);
    assert.ok(logprobs.every(({ logprob, top }) => logprob <= 0 && top.length === 1));
  }
});

test('JSON of a schema file', async () => {
  const schema = join(folder, 'schema.json');
  writeFileSync(schema, '{"type": "object", "properties": {"n": {"type": "boolean"}}, "required": ["n"]}');
  for (const { text, finishReason } of await lines('--json-schema', schema)) {
    assert.equal(finishReason, 'stop');
    assert.equal(typeof (JSON.parse(text) as { n: unknown }).n, 'boolean');
  }
  writeFileSync(schema, '{"type": "integer", "maximum": 3}');
  const { code, err } = await runCli([...argv, '--json-schema', schema]);
  assert.equal(code, 1);
  assert.ok(err.includes(schema) && err.includes('#/maximum'), err);
});

test('text as it comes adds up to the results', async () => {
  const out = join(folder, 'events.jsonl');
  const { code } = await runCli([...argv, '--stream', '--out', out]);
  assert.equal(code, 0);
  const events = jsonLines<{ type: string; index: number; text: string; generation: Line }>(out);
  const plain = await lines();
  for (const { index, text } of plain) {
    const pieces = events.filter((event) => event.type === 'text' && event.index === index);
    assert.equal(pieces.map((event) => event.text).join(''), text);
    assert.deepEqual(events.find((event) => event.generation?.index === index)?.generation.text, text);
  }
});

test('numbers out of their bounds are a wrong use', async () => {
  for (const [option, value] of [
    ['--min-p', '2'],
    ['--repetition-penalty', '0'],
    ['--top-p', '0'],
    ['--samples', '0'],
    ['--stop', ''],
  ]) {
    const { code, err } = await runCli([...argv, option as string, value as string]);
    assert.equal(code, 2, err);
    assert.ok(err.includes(option as string), err);
  }
});
