import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { configFields } from '../../src/loop/configFields.ts';
import { runCli } from './run.ts';

const model = fileURLToPath(new URL('../fixtures/models/chat', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-configs-'));
const before = process.cwd();
after(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});
const data = join(folder, 'data.jsonl');
writeFileSync(
  data,
  ['2 + 2 =', 'The cat'].map((prompt) => `${JSON.stringify({ prompt, completion: ' 4' })}\n`).join(''),
);

/** Makes a folder with these files the working one. */
function enter(name: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(folder, name));
  process.chdir(join(folder, name));
  for (const [file, text] of Object.entries(files)) writeFileSync(file, text);
}
interface Written {
  readonly adapter: { readonly type: string; readonly r: number; readonly alpha: number };
  readonly train: { readonly batchSize: number; readonly seed: number };
}
const written = (run: string): Written => JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')) as Written;
const adapter = (run: string): Buffer => readFileSync(join(run, 'adapter', 'adapter_model.safetensors'));

const kind = configFields.find(({ path }) => path === 'adapter.type')?.kind;
const adapterTypes = (kind?.type === 'choice' ? kind.values : []).join(', ').replace(/, (\w+)$/, ' or $1');
const yaml = `model: { path: ${model} }
data: { path: ../data.jsonl }
adapter: { r: 2, alpha: 3 }
train: { batchSize: 1, maxSteps: 2, seed: 7 }
`;

test("the working folder's config is found and told, options win over it, and its run's config gives the same run", async () => {
  enter('found', { 'tuneloop.config.yaml': yaml });
  const first = await runCli(['tune', '--out', 'first', '--lora-r', '4']);
  assert.equal(first.code, 0, first.err);
  assert.match(first.err, /^Config: tuneloop\.config\.yaml\n/);
  const { adapter: made, train } = written('first');
  assert.deepEqual([made.r, made.alpha, train.batchSize, train.seed], [4, 3, 1, 7]);
  const second = await runCli(['tune', '--config', 'first/config.json', '--out', 'second', '--quiet']);
  assert.deepEqual([second.code, second.err], [0, '']);
  assert.deepEqual(adapter('second'), adapter('first'));
  assert.deepEqual({ ...written('second'), run: undefined }, { ...written('first'), run: undefined });
  const none = await runCli(['tune', '--no-config', '--out', 'third']);
  assert.deepEqual([none.code, none.err], [2, 'tuneloop: --model is missing\n']);
});

test('an option that changes a type replaces what belonged to the other, and says so', async () => {
  enter('types', { 'own.yaml': yaml });
  const { code, err } = await runCli(['tune', '--config', 'own.yaml', '--adapter', 'none', '--out', 'run']);
  assert.equal(code, 0, err);
  assert.match(err, /^--adapter replaces the file's adapter: r, alpha\n/m);
  assert.equal(written('run').adapter.type, 'none');
});

test('a broken config is refused by file, field, expected and found, before anything is written', async () => {
  enter('broken', {});
  for (const [text, reason] of [
    ['train: { batchSize: many }', 'train.batchSize: expected a number but found many'],
    ['train: { batchSize: 0 }', 'train.batchSize: expected at least 1 but found 0'],
    ['train: { batch-size: 1 }', 'train.batch-size: there is no such field. Did you mean train.batchSize?'],
    ['trian: {}', 'trian: there is no such field. Did you mean train?'],
    ['engine: { name: orc }', 'engine.name: expected auto, native, ort or reference but found orc'],
    ['adapter: { type: lroa }', `adapter.type: expected ${adapterTypes} but found lroa`],
    ['adapter: lora', 'adapter: expected an object but found lora'],
    ['data: { packing: "yes" }', 'data.packing: expected true or false but found yes'],
    ['optimizer: { learningRate: .nan }', 'optimizer.learningRate: expected a number but found NaN'],
    ['schemaVersion: 99', 'schemaVersion: expected 1 but found 99'],
    ['model: {}', 'model.path is missing'],
  ]) {
    writeFileSync('tuneloop.config.yaml', text ?? '');
    const given = text === 'model: {}' ? ['--data', data] : ['--model', model, '--data', data];
    const { code, err } = await runCli(['tune', '--out', 'run', ...given]);
    assert.equal(code, 2, err);
    assert.equal(err.split('\n')[1], `tuneloop: tuneloop.config.yaml: ${reason}`);
  }
});
