import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { filesBelow } from '../../src/hub/files.ts';
import { parseHubId } from '../../src/hub/hubId.ts';
import { hubFileOf } from '../../src/hub/node/hubCache.ts';
import { readPeftFolder } from '../../src/hub/peft.ts';
import { writeCheckpointFiles } from '../../src/hub/writeCheckpoint.ts';
import { splitFiles } from '../../src/data/hubSplits.ts';
import { openRunFolder } from '../../src/loop/runFolder.ts';
import { runCli } from '../cli/run.ts';
import { fixture } from '../parity.ts';

const root = mkdtempSync(join(tmpdir(), 'tuneloop-boundaries-'));
after(() => rmSync(root, { recursive: true }));
const secret = join(root, 'secret.json');
writeFileSync(secret, '{"weight_map": {}, "model_type": "llama", "secret": 7}');

let folders = 0;
/** A copy of a fixture that a test may spoil. */
function copyOf(name: string): string {
  const folder = join(root, `copy-${folders++}`);
  cpSync(fixture(name), folder, { recursive: true });
  return folder;
}

/** Puts a link to something outside in a file's place. */
function linkOut(folder: string, name: string, target = secret): void {
  rmSync(join(folder, name), { recursive: true, force: true });
  symlinkSync(target, join(folder, name));
}

const outside = /expected a file inside the folder but found/;

for (const name of [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'generation_config.json',
  'chat_template.jinja',
  'model.safetensors',
]) {
  test(`a checkpoint's ${name} that is a link out of the folder is not read`, async () => {
    const folder = copyOf('models/chat');
    await (await openCheckpoint(folder)).close();
    linkOut(folder, name);
    await assert.rejects(
      openCheckpoint(folder),
      (error: Error) => outside.test(error.message) && error.message.includes(name),
    );
  });
}

test('a template in a linked folder outside is not read', async () => {
  const folder = copyOf('models/chat');
  const elsewhere = join(root, 'templates');
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, 'a.jinja'), 'x');
  symlinkSync(elsewhere, join(folder, 'additional_chat_templates'));
  await assert.rejects(openCheckpoint(folder), outside);
});

test('links inside of a folder, and to the folder itself, are fine', async () => {
  const folder = copyOf('models/chat');
  cpSync(join(folder, 'config.json'), join(folder, 'real.json'));
  linkOut(folder, 'config.json', 'real.json');
  const link = join(root, 'link');
  symlinkSync(folder, link);
  await (await openCheckpoint(link)).close();
});

for (const shard of [
  '../secret.json',
  '../../etc/passwd',
  secret,
  'a/../../secret.json',
  '..\\secret.json',
  '',
  '.',
  'a\0b',
]) {
  test(`an index that names ${JSON.stringify(shard)} is refused`, async () => {
    const folder = copyOf('models/sharded');
    const path = join(folder, 'model.safetensors.index.json');
    const index = JSON.parse(readFileSync(path, 'utf8')) as { weight_map: Record<string, string> };
    index.weight_map['model.norm.weight'] = shard;
    writeFileSync(path, JSON.stringify(index));
    await assert.rejects(
      openCheckpoint(folder),
      (error: Error) => error.message.includes('index.json') && outside.test(error.message),
    );
  });
}

for (const name of ['adapter_config.json', 'adapter_model.safetensors']) {
  test(`an adapter's ${name} that is a link out of the folder is not read`, async () => {
    const folder = copyOf('lora/defaults');
    await readPeftFolder(folder);
    linkOut(folder, name);
    await assert.rejects(readPeftFolder(folder), outside);
  });
}

test("an adapter's base is a name: nothing is opened by it", async () => {
  const folder = copyOf('lora/defaults');
  const path = join(folder, 'adapter_config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as object;
  for (const base of ['../../../etc', '/etc/passwd', 'https://example.org/x', '']) {
    writeFileSync(path, JSON.stringify({ ...config, base_model_name_or_path: base }));
    assert.equal((await readPeftFolder(folder)).config['base_model_name_or_path'], base);
  }
});

test("names of a hub's files stay below the snapshot", () => {
  const etag = 'a'.repeat(40);
  assert.ok(hubFileOf('data/train-0.parquet', 1, etag));
  for (const path of ['../x', '/etc/passwd', 'a/../../b', 'a//b', './a', 'a/.', 'C:\\x', 'a\\..\\b', 'a:b', 'a\0', ''])
    assert.equal(hubFileOf(path, 1, etag), undefined, path);
  assert.equal(hubFileOf('a', 1, '../../x'), undefined);
  for (const id of ['../x', 'org/..', 'org/a/../../b', '/etc/passwd', 'org/name@../../x', '~/x', 'a\\b/c'])
    assert.equal(parseHubId(id), undefined, id);
});

test("a data set's card names no file that is not in its listing", async () => {
  const card = '---\nconfigs:\n- config_name: default\n  data_files: ["../../../etc/*", "/etc/*.json", "**"]\n---\n';
  const files = ['README.md', 'a/train.jsonl', 'b.csv'];
  assert.deepEqual(await splitFiles(files, async () => card, { split: 'train' }), ['a/train.jsonl', 'b.csv']);
});

test("a template's name makes no path", async () => {
  const folder = join(root, 'templates-out');
  mkdirSync(folder);
  const tokenizer = { tokenizerJson: {}, tokenizerConfig: {}, namedTemplates: { '../../escaped': 'x' } };
  await assert.rejects(
    writeCheckpointFiles(folder, { config: {}, tokenizer }),
    /chat template's name .* but found \.\.\/\.\.\/escaped/,
  );
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('escaped')),
    [],
  );
});

test('a folder whose links lead back is walked once', async () => {
  const folder = join(root, 'loop');
  mkdirSync(join(folder, 'a'), { recursive: true });
  writeFileSync(join(folder, 'a', 'x.jsonl'), '');
  for (const name of ['b', 'c', 'd']) symlinkSync('.', join(folder, name));
  symlinkSync('..', join(folder, 'a', 'up'));
  assert.deepEqual(await filesBelow(folder), ['a/x.jsonl']);
});

test('nothing of a run is written or removed through a link that leads out of it', async () => {
  const run = join(root, 'run');
  const data = join(root, 'data.jsonl');
  writeFileSync(data, '{"prompt": "a", "completion": " b"}\n'.repeat(4));
  const argv = [
    'tune',
    '--model',
    fixture('models/chat'),
    '--data',
    data,
    '--out',
    run,
    '--max-steps',
    '2',
    '--save-steps',
    '1',
    '--quiet',
  ];
  assert.equal((await runCli(argv)).code, 0);
  const elsewhere = join(root, 'elsewhere');
  cpSync(join(run, 'checkpoints'), elsewhere, { recursive: true });
  const before = readdirSync(elsewhere);
  linkOut(run, 'checkpoints', elsewhere);
  await assert.rejects((await openRunFolder(run)).latestCheckpoint(), outside);
  const resumed = await runCli(['tune', '--resume', run, '--max-steps', '4', '--quiet']);
  assert.equal(resumed.code, 1);
  assert.match(resumed.err, outside);
  assert.deepEqual(readdirSync(elsewhere), before);
  rmSync(join(run, 'checkpoints'));
  const log = join(root, 'log');
  writeFileSync(log, 'mine\n');
  linkOut(run, 'metrics.jsonl', log);
  linkOut(run, 'adapter', elsewhere);
  assert.equal((await runCli(['tune', '--resume', run, '--quiet'])).code, 0);
  assert.equal(readFileSync(log, 'utf8'), 'mine\n');
  assert.deepEqual(readdirSync(elsewhere), before);
  assert.ok(existsSync(join(run, 'adapter', 'adapter_model.safetensors')));
});

test('what is there is not written over', async () => {
  const taken = join(root, 'taken');
  mkdirSync(taken);
  writeFileSync(join(taken, 'mine'), 'x');
  const base = ['--model', fixture('models/chat'), '--out', taken];
  const adapter = ['--adapter', fixture('lora/defaults')];
  const gguf = ['--format', 'gguf'];
  for (const argv of [
    ['merge', ...base, ...adapter],
    ['export', ...base, ...gguf],
    ['tune', ...base, '--data', secret],
  ]) {
    const { code, err } = await runCli(argv);
    assert.ok(code === 1 || code === 2, err);
    assert.match(err, /exists already|expected a new folder/);
    assert.deepEqual(readdirSync(taken), ['mine']);
  }
});
