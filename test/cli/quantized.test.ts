import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { fixture } from '../parity.ts';
import { runCli } from './run.ts';
import { jsonLines } from '../jsonLines.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-quantized-'));
after(() => rmSync(folder, { recursive: true }));
const at = (...path: string[]): string => join(folder, ...path);
const base = fixture('models/chat');
const rows = ['2 + 2 =| 4', 'The cat| sat there.', 'the| mat', 'seven| apples'].map((pair) => pair.split('|'));
writeFileSync(
  at('data.jsonl'),
  rows.map(([prompt, completion]) => `${JSON.stringify({ prompt, completion })}\n`).join(''),
);
const tune = (run: string, ...more: string[]) => {
  const data = ['--data', at('data.jsonl'), '--eval-data', at('data.jsonl'), '--out', at(run)];
  const options = '--batch-size 2 --learning-rate 0.01 --max-steps 8 --save-steps 3'.split(' ');
  return runCli(['tune', '--model', base, ...data, ...options, ...more]);
};
const lossesOf = (run: string): number[] =>
  jsonLines<{ type: string; loss: number }>(at(run, 'metrics.jsonl')).flatMap(({ type, loss }) =>
    type === 'step' ? [loss] : [],
  );

test('a base in few bits learns with LoRA on it and goes into the base as it was, in its own type', async () => {
  const plain = await tune('plain');
  assert.equal(plain.code, 0, plain.err);
  for (const bits of ['int8', 'int4']) {
    const { code, err } = await tune(bits, '--quantization', bits);
    assert.equal(code, 0, err);
    const [first, last] = [lossesOf(bits)[0] ?? NaN, lossesOf(bits).at(-1) ?? NaN];
    assert.ok(last < first, `${bits}: ${last} after ${first}`);
    assert.notEqual(first, lossesOf('plain')[0]);
    assert.ok(Math.abs(first / (lossesOf('plain')[0] ?? NaN) - 1) < 0.02, 'its rounded weights are near the weights');
    const merged = at(`${bits}-merged`);
    const done = await runCli(['merge', '--model', base, '--adapter', at(bits, 'adapter'), '--out', merged, '--quiet']);
    assert.equal(done.code, 0, done.err);
    const [before, made] = [await openCheckpoint(base), await openCheckpoint(merged)];
    const storages = (checkpoint: typeof made) =>
      [...checkpoint.tensors].map(([name, { storage }]) => `${name} ${storage}`).toSorted();
    assert.deepEqual(storages(made), storages(before));
    for (const checkpoint of [before, made]) await checkpoint.close();
  }
});

test('score, generate and chat hold the base as the run held it', async () => {
  const lines = readFileSync(at('int4', 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  const evaluation = lines
    .map((line) => JSON.parse(line) as { type: string; evalLoss: number })
    .findLast(({ type }) => type === 'eval');
  const from = (...more: string[]) => [
    '--model',
    base,
    '--data',
    at('data.jsonl'),
    '--adapter',
    at('int4', 'adapter'),
    ...more,
  ];
  const lossWith = async (...more: string[]): Promise<number> => {
    const { code, out, err } = await runCli(['score', ...from(...more)]);
    assert.equal(code, 0, err);
    const scored = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { mask: number[]; logprobs: (number | null)[] });
    const supervised = scored.flatMap(({ mask, logprobs }) => logprobs.filter((_, t) => mask[t] === 1)).map(Number);
    return -supervised.reduce((sum, each) => sum + each, 0) / supervised.length;
  };
  const wanted = evaluation?.evalLoss ?? NaN;
  assert.ok(Math.abs((await lossWith('--quantization', 'int4')) - wanted) < 1e-5 * wanted);
  assert.ok(Math.abs((await lossWith()) - wanted) > 1e-4 * wanted, 'the base as it is gives another loss');
  const all = await lossWith('--quantization', 'int4', '--quantize-embeddings');
  assert.ok(Math.abs(all - wanted) > 1e-4 * wanted, 'rounded embeddings and head give another loss');
  assert.ok(Math.abs(all - wanted) < 0.05 * wanted, 'which is near');
  const alone = await runCli(['score', ...from('--quantize-embeddings')]);
  assert.equal(alone.code, 2);
  assert.match(alone.err, /--quantize-embeddings: expected --quantization int8 or int4 with it/);
  const generated = await runCli(['generate', ...from('--quantization', 'int8', '--max-new-tokens', '2')]);
  assert.equal(generated.code, 0, generated.err);
  const wrong = await runCli(['score', ...from('--quantization', 'int3')]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /--quantization: expected .*int4.* but found int3/);
});

test('it is the same run again, broken off or not', async () => {
  assert.equal((await tune('again', '--quantization', 'int8', '--quiet')).code, 0);
  const adapterOf = (run: string): Buffer => readFileSync(at(run, 'adapter', 'adapter_model.safetensors'));
  assert.deepEqual(adapterOf('again'), adapterOf('int8'));
  for (const name of ['step-6', 'step-8']) rmSync(at('again', 'checkpoints', name), { recursive: true });
  const lines = readFileSync(at('again', 'metrics.jsonl'), 'utf8').split('\n');
  writeFileSync(at('again', 'metrics.jsonl'), lines.slice(0, 6).join('\n'));
  assert.equal((await runCli(['tune', '--resume', at('again'), '--quiet'])).code, 0);
  assert.deepEqual(adapterOf('again'), adapterOf('int8'));
});

test('weights that are trained themselves are not held in few bits', async () => {
  const { code, err } = await tune('full', '--quantization', 'int4', '--adapter', 'none');
  assert.equal(code, 2);
  assert.match(
    err,
    /--quantization: expected none with adapter none, which trains the weights themselves, but found int4/,
  );
});
