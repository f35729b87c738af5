import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCli } from './run.ts';
import { jsonLines } from '../jsonLines.ts';

const model = fileURLToPath(new URL('../fixtures/models/chat', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-data-'));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, rows: readonly unknown[]): string {
  const path = join(folder, name);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}
const words = ['the cat', 'the mat', 'two and two', 'seven apples', 'sat there'];
const pairs = (count: number, name: string) =>
  Array.from({ length: count }, (_, i) => ({
    prompt: `${name} ${i}: ${words[i % 5]}`,
    completion: ` ${words[(i * 3) % 5]}`,
  }));
const a = write('a.jsonl', pairs(6, 'a'));
const b = write('b.jsonl', pairs(4, 'b'));

const tune = (run: string, ...more: string[]) =>
  runCli([
    'tune',
    '--model',
    model,
    '--out',
    join(folder, run),
    '--lora-r',
    '2',
    '--batch-size',
    '2',
    '--max-steps',
    '3',
    ...more,
  ]);
const stepsOf = (run: string): unknown[] =>
  jsonLines(join(folder, run, 'metrics.jsonl'))
    .filter(({ type }) => type === 'step')
    .map(({ step, loss, gradNorm }) => ({ step, loss, gradNorm }));
const adapterOf = (run: string): Buffer => readFileSync(join(folder, run, 'adapter', 'adapter_model.safetensors'));

test('several data sets are mixed by weights, and a share of them is evaluated on', async () => {
  const { code, err } = await tune(
    'mixed',
    '--data',
    a,
    b,
    '--data.weights',
    '1,2',
    '--eval-share',
    '0.2',
    '--epochs',
    '1',
  );
  assert.equal(code, 0, err);
  assert.match(err, /8 examples, /);
  assert.match(err, /Padding: \d+% of an epoch's \d+ places/);
  assert.match(err, /evaluation loss/);
  const config = JSON.parse(readFileSync(join(folder, 'mixed', 'config.json'), 'utf8')) as {
    data: { path: string[]; weights: number[] };
  };
  assert.deepEqual(
    [config.data.path, config.data.weights],
    [
      [a, b],
      [1, 2],
    ],
  );
  const wrong = await tune('wrong', '--data', a, '--data.weights', '1,2');
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /--data\.weights: expected as many numbers as there are data sets, 1,/);
  const both = await tune('wrong', '--data', a, '--eval-share', '0.5', '--eval-data', b);
  assert.equal(both.code, 2);
  assert.match(both.err, /--eval-share: expected no data\.evalPath or data\.evalSplit beside it/);
});

test('what evaluation shares with training is told with file and line', async () => {
  const held = write('held.jsonl', [{ prompt: 'new', completion: ' one' }, ...pairs(2, 'A')]);
  const { code, err } = await tune('overlap', '--data', a, '--eval-data', held, '--dry-run');
  assert.equal(code, 0, err);
  assert.match(
    err,
    /Warning: 2 of 3 evaluation examples are in the training data: .*held\.jsonl, line 2 is .*a\.jsonl, line 1/,
  );
  assert.ok(!existsSync(join(folder, 'overlap')));
});

test('what memory does not hold lies in a file, and the run is the same to the bit', async () => {
  const long = Array.from({ length: 60 }, (_, i) => words[i % 5]).join(' ');
  const big = write(
    'big.jsonl',
    Array.from({ length: 2500 }, (_, i) => ({ prompt: `${i}`, completion: ` ${long}` })),
  );
  const options = ['--data', big, '--max-length', '128', '--data.allowUntrainedStop'];
  for (const [run, memory] of [
    ['held', '1024'],
    ['spilt', '1'],
  ] as const) {
    const { code, err } = await tune(run, ...options, '--save-steps', '2', '--data.memoryMb', memory);
    assert.equal(code, 0, err);
    const tokens = Number(/examples, (\d+) tokens/.exec(err)?.[1]);
    assert.ok(4 * tokens > 1e6, `${tokens} tokens do not fill 1 MB`);
  }
  assert.deepEqual(stepsOf('spilt'), stepsOf('held'));
  assert.deepEqual(adapterOf('spilt'), adapterOf('held'));
  assert.ok(!readdirSync(join(folder, 'spilt')).some((name) => name.startsWith('tokens')));
  const dry = await tune('dry', ...options, '--data.memoryMb', '1', '--dry-run');
  assert.equal(dry.code, 0, dry.err);
  assert.ok(!readdirSync(folder).includes('dry'));
  // As a process killed after its second step leaves it.
  const at = (name: string): string => join(folder, 'spilt', name);
  rmSync(at('checkpoints/step-3'), { recursive: true });
  rmSync(at('adapter'), { recursive: true });
  writeFileSync(at('metrics.jsonl'), readFileSync(at('metrics.jsonl'), 'utf8').replace(/^.*"done".*\n/m, ''));
  const resumed = await runCli(['tune', '--resume', join(folder, 'spilt')]);
  assert.equal(resumed.code, 0, resumed.err);
  assert.match(resumed.err, /goes on after step 2/);
  assert.deepEqual(adapterOf('spilt'), adapterOf('held'));
});

test('a formatter is told by path and hash; another one is refused when the run goes on', async () => {
  const module = join(folder, 'format.mjs');
  writeFileSync(module, 'export const formatter = ({ q, a }) => (q ? { prompt: q, completion: a } : null);');
  const data = write('raw.jsonl', [{ q: 'two and', a: ' two' }, { other: 1 }, { q: 'the', a: ' mat' }]);
  const { code, err } = await tune('formatted', '--data', data, '--data.formatter', module);
  assert.equal(code, 0, err);
  assert.match(err, /2 examples, /);
  const config = JSON.parse(readFileSync(join(folder, 'formatted', 'config.json'), 'utf8')) as {
    data: { formatter: string };
    run: { fingerprints: { formatter: string } };
  };
  assert.equal(config.data.formatter, module);
  assert.match(config.run.fingerprints.formatter, /^[0-9a-f]{64}$/);
  writeFileSync(module, 'export const formatter = ({ q, a }) => (q ? { prompt: q, completion: a } : null); // other');
  const resumed = await runCli(['tune', '--resume', join(folder, 'formatted'), '--max-steps', '4']);
  assert.equal(resumed.code, 1);
  assert.match(resumed.err, /format\.mjs: the formatter is not what the run was started with/);
});

test('refusals come before the first step and leave nothing behind', async () => {
  const preference = write('dpo.jsonl', [{ prompt: 'p', chosen: 'c', rejected: 'r' }]);
  const unpaired = write('kto.jsonl', [{ prompt: 'p', completion: 'c', label: true }]);
  const tokens = write('tokens.jsonl', [{ input_ids: [30, 31, 32] }]);
  for (const [data, message] of [
    [preference, /dpo\.jsonl, line 1: .* are preference data, which objectives such as dpo train on/],
    [unpaired, /kto\.jsonl, line 1: .* unpaired preference data, which objectives such as kto train on/],
    [tokens, /No example trains the stop token \(<\|im_end\|>\)/],
  ] as const) {
    const { code, err } = await tune('refused', '--data', data);
    assert.equal(code, 1, err);
    assert.match(err, message);
    assert.ok(!existsSync(join(folder, 'refused')));
  }
  const allowed = await tune('allowed', '--data', tokens, '--data.allowUntrainedStop');
  assert.equal(allowed.code, 0, allowed.err);
  assert.match(allowed.err, /Warning: no stop token is supervised/);
});
