import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCli } from './run.ts';

const model = fileURLToPath(new URL('../fixtures/models/chat', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-tune-'));
after(() => rmSync(folder, { recursive: true }));
const data = join(folder, 'data.jsonl');
const pairs = [
  '2 + 2 =| 4',
  'The cat| sat there.',
  'the| mat',
  'The mat| and the cat',
  'two| and two',
  'seven| apples',
];
writeFileSync(
  data,
  pairs.map((pair) => `${JSON.stringify({ prompt: pair.split('|')[0], completion: pair.split('|')[1] })}\n`).join(''),
);

const options = [
  '--batch-size',
  '2',
  '--learning-rate',
  '0.01',
  '--lora-r',
  '2',
  '--lora-dropout',
  '0.1',
  '--save-steps',
  '2',
];
const start = (run: string, ...more: string[]) =>
  runCli(['tune', '--model', model, '--data', data, '--out', join(folder, run), ...options, ...more]);
const read = (...path: string[]): Buffer => readFileSync(join(folder, ...path));
const metrics = (run: string) =>
  read(run, 'metrics.jsonl')
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const steps = (run: string) =>
  metrics(run)
    .filter(({ type }) => type === 'step')
    .map(({ step, loss, gradNorm, learningRate }) => ({ step, loss, gradNorm, learningRate }));
const adapter = ['adapter', 'adapter_model.safetensors'];

test('a run goes from data to an adapter, and a resumed one to the same bits', async () => {
  const whole = await start('whole', '--max-steps', '7', '--eval-data', data, '--json');
  assert.equal(whole.code, 0, whole.err);
  const summary = JSON.parse(whole.out) as { step: number; runFolder: string; loss: number };
  assert.deepEqual([summary.step, summary.runFolder], [7, join(folder, 'whole')]);
  assert.match(whole.err, /6 examples, [\s\S]*\+ +22 "4"[\s\S]*Plan: 7 steps/);
  assert.deepEqual(readdirSync(join(folder, 'whole')).sort(), [
    'adapter',
    'base.json',
    'checkpoints',
    'config.json',
    'metrics.jsonl',
    'report.html',
    'samples.jsonl',
  ]);
  const config = JSON.parse(read('whole', 'config.json').toString()) as {
    schemaVersion: number;
    adapter: { r: number };
    run: { fingerprints: { model: string } };
  };
  assert.deepEqual([config.schemaVersion, config.adapter.r], [1, 2]);
  assert.match(config.run.fingerprints.model, /^[0-9a-f]{64}$/);
  assert.deepEqual(
    metrics('whole').map(({ type, step }) => `${String(type)} ${String(step)}`),
    [
      'eval 0',
      'forgetting 0',
      'step 1',
      'step 2',
      'step 3',
      'step 4',
      'forgetting 4',
      'step 5',
      'step 6',
      'step 7',
      'eval 7',
      'forgetting 7',
      'drift 7',
      'done 7',
    ],
  );
  const [first, last] = [steps('whole')[0], steps('whole').at(-1)];
  assert.ok(Number(last?.loss) < Number(first?.loss), 'it learns');

  const part = await start('part', '--max-steps', '7', '--eval-data', data, '--quiet');
  assert.deepEqual([part.code, part.out, part.err], [0, '', '']);
  assert.deepEqual(read('part', ...adapter), read('whole', ...adapter), 'the same seed gives the same run');
  // As a kill in the middle of step 6 leaves it: no later checkpoint, no end, a torn line.
  for (const name of ['step-6', 'step-7']) rmSync(join(folder, 'part', 'checkpoints', name), { recursive: true });
  writeFileSync(
    join(folder, 'part', 'metrics.jsonl'),
    read('part', 'metrics.jsonl').toString().split('\n').slice(0, 8).join('\n').concat('\n{"type":"st'),
  );
  const resumed = await runCli(['tune', '--resume', join(folder, 'part')]);
  assert.equal(resumed.code, 0, resumed.err);
  assert.match(resumed.err, /goes on after step 4/);
  assert.deepEqual(read('part', ...adapter), read('whole', ...adapter));
  assert.deepEqual(steps('part'), steps('whole'));
});

test('a finished run says so; more steps extend it; a lost one starts again', async () => {
  assert.equal((await start('short', '--max-steps', '2', '--lr-scheduler-type', 'constant', '--quiet')).code, 0);
  const run = join(folder, 'short');
  const finished = await runCli(['tune', '--resume', run]);
  assert.deepEqual([finished.code, finished.out], [0, '']);
  assert.match(finished.err, /finished at step 2/);
  const longer = await runCli(['tune', '--resume', run, '--max-steps', '4', '--quiet']);
  assert.deepEqual([longer.code, longer.err], [0, '']);
  assert.deepEqual(
    steps('short').map(({ step }) => step),
    [1, 2, 3, 4],
  );
  assert.deepEqual(
    metrics('short')
      .filter(({ type }) => type === 'done')
      .map(({ adapterStep }) => adapterStep),
    [4],
  );
  const before = read('short', ...adapter);
  rmSync(join(run, 'checkpoints'), { recursive: true });
  writeFileSync(join(run, 'metrics.jsonl'), '');
  assert.equal((await runCli(['tune', '--resume', run, '--quiet'])).code, 0);
  assert.deepEqual(
    steps('short').map(({ step }) => step),
    [1, 2, 3, 4],
  );
  assert.deepEqual(read('short', ...adapter), before);
});

test('the config of a run starts another one, options on top', async () => {
  assert.equal((await start('origin', '--max-steps', '1', '--quiet')).code, 0);
  const { code, err } = await runCli([
    'tune',
    '--config',
    join(folder, 'origin', 'config.json'),
    '--out',
    join(folder, 'copy'),
    '--lora-r',
    '3',
    '--quiet',
  ]);
  assert.deepEqual([code, err], [0, '']);
  const { adapter: made, train } = JSON.parse(read('copy', 'config.json').toString()) as {
    adapter: { r: number };
    train: { maxSteps: number };
  };
  assert.deepEqual([made.r, train.maxSteps], [3, 1]);
  writeFileSync(join(folder, 'typo.json'), JSON.stringify({ model: { path: model }, train: { batch_size: 3 } }));
  const typo = await runCli(['tune', '--config', join(folder, 'typo.json'), '--out', join(folder, 'never')]);
  assert.deepEqual(
    [typo.code, typo.err],
    [
      2,
      `tuneloop: ${join(folder, 'typo.json')}: train.batch_size: there is no such field. Did you mean train.batchSize?\n`,
    ],
  );
  assert.equal(existsSync(join(folder, 'never')), false);
});

test('a dry run checks and plans all and writes nothing', async () => {
  const before = readdirSync(folder);
  const { code, err } = await start('dry', '--dry-run');
  assert.equal(code, 0);
  assert.match(err, /Plan: 9 steps, 3 an epoch/);
  assert.match(err, /Everything is right; a run would start\n$/);
  assert.equal((await runCli(['tune', '--model', model, '--data', data, '--dry-run', '--quiet'])).code, 0);
  assert.deepEqual(readdirSync(folder), before);
});

test('a run is replaced only when asked, and stays where the new one is refused', async () => {
  assert.equal((await start('kept', '--max-steps', '1', '--quiet')).code, 0);
  const config = read('kept', 'config.json');
  assert.equal((await start('kept', '--max-steps', '1')).code, 2);
  assert.equal((await start('kept', '--overwrite', '--target-modules', 'no_proj')).code, 1);
  assert.deepEqual(read('kept', 'config.json'), config);
  assert.equal((await start('kept', '--overwrite', '--max-steps', '3', '--quiet')).code, 0);
  assert.equal(steps('kept').length, 3);
});

test('a Ctrl-C saves, ends with 130 and says how to go on', async () => {
  const controller = new AbortController();
  controller.abort();
  const { code, err } = await runCli(
    ['tune', '--model', model, '--data', data, '--out', join(folder, 'stopped'), ...options],
    controller.signal,
  );
  assert.equal(code, 130, err);
  assert.ok(err.endsWith(`Go on with: tuneloop tune --resume ${join(folder, 'stopped')}\n`), err);
  assert.equal((await runCli(['tune', '--resume', join(folder, 'stopped'), '--quiet'])).code, 0);
  assert.deepEqual(
    steps('stopped').map(({ step }) => step),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});
