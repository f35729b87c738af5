import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCli } from './run.ts';
import { jsonLines } from '../jsonLines.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-units-'));
after(() => rmSync(folder, { recursive: true }));
const data = join(folder, 'data.jsonl');
const pairs = [
  ['2 + 2 =', ' 4'],
  ['The cat', ' sat on the mat and the mat sat there.'],
  ['two', ' and two apples and seven apples'],
];
writeFileSync(data, pairs.map(([prompt, completion]) => `${JSON.stringify({ prompt, completion })}\n`).join(''));

const options = ['--model', fixture('models/chat'), '--data', data, '--learning-rate', '0.01'];
const tune = (run: string, ...more: string[]) =>
  runCli(['tune', ...options, '--out', join(folder, run), '--max-steps', '4', '--save-steps', '2', ...more]);
const steps = (run: string) =>
  jsonLines<{ type: string; loss: number; metrics?: Record<string, number> }>(
    join(folder, run, 'metrics.jsonl'),
  ).filter(({ type }) => type === 'step');

const methods: Readonly<Record<string, readonly string[]>> = {
  dft: ['--objective', 'dft'],
  'component-clip': ['--optimizer.clipBy', 'component', '--max-grad-norm', '0.05'],
  ssf: ['--adapter', 'ssf'],
  cola: ['--adapter', 'cola', '--adapter.links', '2', '--lora-r', '2'],
  'masked-thought': ['--data-step', 'masked-thought', '--dataStep.probability', '0.5'],
};

for (const [name, words] of Object.entries(methods)) {
  test(`${name}: trains by its name, otherwise than without it, and a resumed run goes the same way`, async () => {
    const whole = await tune(name, ...words);
    assert.equal(whole.code, 0, whole.err);
    await tune(`${name} plain`);
    assert.notDeepEqual(
      steps(name).map(({ loss }) => loss),
      steps(`${name} plain`).map(({ loss }) => loss),
    );
    const adapter = (): Buffer => readFileSync(join(folder, name, 'adapter/adapter_model.safetensors'));
    const [bits, losses] = [adapter(), steps(name).map(({ loss }) => loss)];
    // As a kill in step 3 leaves it.
    rmSync(join(folder, name, 'checkpoints/step-4'), { recursive: true });
    const lines = readFileSync(join(folder, name, 'metrics.jsonl'), 'utf8').split('\n');
    writeFileSync(
      join(folder, name, 'metrics.jsonl'),
      `${lines
        .slice(
          0,
          lines.findIndex((line) => line.startsWith('{"type":"step","step":3')),
        )
        .join('\n')}\n`,
    );
    const resumed = await runCli(['tune', '--resume', join(folder, name)]);
    assert.equal(resumed.code, 0, resumed.err);
    assert.deepEqual(adapter(), bits);
    assert.deepEqual(
      steps(name).map(({ loss }) => loss),
      losses,
    );
  });
}

test('what a clip did is in the metrics, what a data step does is said before step one', async () => {
  const shares = steps('component-clip').map(({ metrics }) => metrics?.['clippedShare'] ?? NaN);
  assert.ok(shares.every((share) => share > 0 && share <= 1));
  const { err } = await tune('said', ...(methods['masked-thought'] ?? []), '--dry-run');
  assert.match(err, /Hides up to 50% of the answers' tokens/);
});

for (const words of [
  ['--objective', 'dft'],
  ['--data-step', 'masked-thought'],
]) {
  test(`a classifier refuses ${words.join(' ')}`, async () => {
    const labelled = join(folder, 'labelled.jsonl');
    writeFileSync(labelled, `${JSON.stringify({ text: 'the cat', label: 0 })}\n`);
    const run = ['--model', fixture('classifiers/bert'), '--data', labelled, '--adapter', 'none'];
    const { code, err } = await runCli(['tune', ...run, ...words, '--out', join(folder, 'no')]);
    assert.match(err, /\.type: expected .* the classifier .* but found (dft|masked-thought), which is for tokens/);
    assert.equal(code, 1);
  });
}
