import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fakeHub } from '../hub/node/fakeHub.ts';
import { downloadProgress } from '../../src/cli/bring.ts';
import { runCli } from './run.ts';

const fixture = fileURLToPath(new URL('../fixtures/models/chat', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-cli-hub-'));
const hub = await fakeHub(
  Object.fromEntries(readdirSync(fixture).map((name) => [name, readFileSync(join(fixture, name))])),
  'org/chat',
);
Object.assign(process.env, { HF_ENDPOINT: hub.endpoint, HF_HOME: join(folder, 'home') });
after(async () => {
  await hub.close();
  rmSync(folder, { recursive: true });
});
const data = join(folder, 'data.jsonl');
writeFileSync(data, '{"prompt":"2 + 2 =","completion":" 4"}\n');

test('a model by its id is brought once, pinned in the run’s config, and named in the adapter', async () => {
  const out = join(folder, 'run');
  const { code, err } = await runCli([
    'tune',
    '--model',
    'org/chat',
    '--data',
    data,
    '--out',
    out,
    '--max-steps',
    '1',
    '--lora-r',
    '2',
  ]);
  assert.equal(code, 0, err);
  assert.match(err, /org\/chat: model\.safetensors, .* \(100%\)/);
  const json = (path: string): Record<string, unknown> =>
    JSON.parse(readFileSync(join(out, path), 'utf8')) as Record<string, unknown>;
  assert.deepEqual(json('config.json')['model'], { path: `org/chat@${hub.commit}`, quantization: 'none' });
  assert.equal(json('adapter/adapter_config.json')['base_model_name_or_path'], 'org/chat');
  const asked = hub.seen.length;
  const resumed = await runCli(['tune', '--resume', out, '--max-steps', '2']);
  assert.equal(resumed.code, 0, resumed.err);
  assert.equal(hub.seen.length, asked, 'a run that goes on asks nobody');
  const scored = await runCli(['score', '--model', 'org/chat', '--adapter', join(out, 'adapter'), '--data', data]);
  assert.equal(scored.code, 0, scored.err);
  assert.ok(
    hub.seen.slice(asked).every(({ path }) => path.startsWith('/api/')),
    'nothing comes twice',
  );
  const tokenized = await runCli(['tokenize', '--model', 'org/chat', '--data', data, '--columns', 'text=prompt']);
  assert.equal(tokenized.code, 0, tokenized.err);
});

test('an id that the hub does not have ends with 1 and one sentence', async () => {
  const { code, err } = await runCli(['tokenize', '--model', 'org/none', '--data', data]);
  assert.equal(code, 1);
  assert.match(
    err,
    /^tuneloop: org\/none: no such file or folder here, and from the hub: [^\n]*none of that name, or it is private[^\n]*\n$/,
  );
});

test('progress is one line on a terminal, and a line now and then in a log', () => {
  const lines = (tty: boolean): string => {
    let [text, time] = ['', 0];
    const tell = downloadProgress({ err: (more) => (text += more), tty }, () => (time += 60));
    for (const bytes of [1e6, 2e6, 3e6, 4e6])
      tell({ type: 'download', name: 'o/n', file: 'f', bytes, totalBytes: 4e6 });
    return text;
  };
  assert.equal(lines(false), 'o/n: f, 1 MB of 4 MB (25%)\no/n: f, 4 MB of 4 MB (100%)\n');
  assert.ok(lines(true).startsWith('\r\u001b[Ko/n: f, 1 MB of 4 MB (25%)\r'));
  assert.equal(lines(true).split('\n').length, 2);
});
