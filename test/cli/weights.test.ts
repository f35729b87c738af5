import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCli } from './run.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-weights-'));
after(() => rmSync(folder, { recursive: true }));
const model = fixture('models/default');
const adapter = fixture('lora/all-linear');

// What a run folder looks like to those who only want its weights.
const run = join(folder, 'run');
mkdirSync(run);
writeFileSync(join(run, 'metrics.jsonl'), '');
cpSync(adapter, join(run, 'adapter'), { recursive: true });

test('a probe takes a run folder as what became of the model', async () => {
  const out = join(folder, 'probe.json');
  const words = ['probe', 'intruder-dims', '--before', model, '--top-k', '2', '--epsilon', '1', '--out', out, '--json'];
  const byRun = await runCli([...words, '--after', run]);
  assert.equal(byRun.code, 0, byRun.err);
  assert.deepEqual(await runCli([...words, '--after', adapter]), byRun);
  assert.deepEqual(JSON.parse(byRun.out), JSON.parse(readFileSync(out, 'utf8')));
  const { value, unit } = JSON.parse(byRun.out) as { value: number; unit: string };
  assert.equal(value, 2 * 14);
  assert.match(unit, /directions/);
});

test('Model Stock through the command line writes a checkpoint and names the angle of each tensor', async () => {
  const out = join(folder, 'stock');
  const { code, err } = await runCli([
    'surgery',
    'model-stock',
    '--base',
    model,
    '--models',
    run,
    fixture('lora/rslora'),
    '--out',
    out,
  ]);
  assert.equal(code, 0, err);
  assert.match(err, /^model\.layers\.0\.self_attn\.q_proj\.weight: cosine -?[\d.e-]+, ratio [\d.]+$/m);
  assert.match(err, /stock: \d+ tensors, weights in f32\n$/);
  assert.ok(existsSync(join(out, 'model.safetensors')));
});

for (const [words, message] of [
  [
    ['surgery'],
    /Expected a command of surgery: average, interpolate, model-stock, intruder-dims, new-head\. tuneloop surgery --help says more\./,
  ],
  [['surgery', 'model-stok'], /There is no command surgery model-stok\. Did you mean tuneloop surgery model-stock\?/],
  [['probe', 'intruder-dims', '--before', model], /--after is missing/],
  [
    ['probe', 'intruder-dims', '--before', model, '--after', run, '--top-k', '0'],
    /--top-k: expected at least 1 but found 0/,
  ],
  [
    ['surgery', 'interpolate', '--base', model, '--models', run, '--out', join(folder, 'x'), '--aplha', '1'],
    /There is no option --aplha\. Did you mean --alpha\?/,
  ],
] as const) {
  test(`tuneloop ${words.slice(0, 2).join(' ')} … ends with 2: ${message.source.slice(0, 40)}`, async () => {
    const { code, err, out } = await runCli(words);
    assert.equal(code, 2);
    assert.match(err, message);
    assert.equal(out, '');
  });
}

test('a group and its commands have help', async () => {
  const group = await runCli(['surgery', '--help']);
  assert.match(group.out, /^ {2}model-stock +Model Stock/m);
  assert.deepEqual(await runCli(['help', 'surgery']), group);
  const command = await runCli(['surgery', 'intruder-dims', '--help']);
  assert.match(command.out, /--top-k N +Leading singular directions that are looked at \(default 10\)/);
  assert.deepEqual(await runCli(['help', 'surgery', 'intruder-dims']), command);
});
