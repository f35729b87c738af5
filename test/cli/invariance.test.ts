import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openFile } from '../../src/hub/files.ts';
import { readSafetensors } from '../../src/hub/safetensors.ts';
import { fixture, relativeError } from '../parity.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-invariance-'));
after(() => rmSync(folder, { recursive: true }));
const at = (...path: string[]): string => join(folder, ...path);
const words = ['the', 'cat', 'sat', 'there', 'and', 'two', 'apples', 'seven', 'mat'];
const some = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => words[(from + i * 5) % words.length]).join(' ');
/** Eight rows of very different lengths. */
const rows = Array.from({ length: 8 }, (_, i) => ({
  prompt: some(i, 1 + i),
  completion: ` ${some(2 * i, 1 + 3 * i)}`,
}));
writeFileSync(at('data.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

/** Runs the program in a process of its own, which is killed once it says `killAt`. */
async function program(argv: readonly string[], killAt?: RegExp): Promise<string> {
  const child = spawn(process.execPath, [main, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
    if (killAt?.test(err) === true) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.deepEqual([code, signal], killAt === undefined ? [0, null] : [null, 'SIGKILL'], err);
  return err;
}

// A large ε: else an element whose gradient is all but rounding takes a whole step either way.
const shared = '--learning-rate 0.01 --lora-r 4 --optimizer.eps 0.01 --max-length 96 --threads 1 --weight-decay 0.01';
const tune = (run: string, options: string, killAt?: RegExp): Promise<string> => {
  const files = ['--model', fixture('models/chat'), '--data', at('data.jsonl'), '--out', at(run)];
  return program(['tune', ...files, ...shared.split(' '), ...options.split(' ')], killAt);
};

interface Outcome {
  readonly losses: number[];
  readonly adapter: ReadonlyMap<string, Float32Array>;
}

async function outcomeOf(run: string): Promise<Outcome> {
  const lines = readFileSync(at(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  const steps = lines.map((line) => JSON.parse(line) as { type: string; step: number; loss: number });
  const file = await openFile(at(run, 'adapter', 'adapter_model.safetensors'));
  try {
    const adapter = new Map<string, Float32Array>();
    for (const [name, source] of (await readSafetensors(file)).tensors) {
      const values = new Float32Array(source.shape.reduce((a, b) => a * b, 1));
      await source.readF32(values);
      adapter.set(name, values);
    }
    return { losses: steps.flatMap(({ type, loss }) => (type === 'step' ? [loss] : [])), adapter };
  } finally {
    await file.close();
  }
}

test('batch 8 = 1 x 8 accumulated, packed = unpacked, and the same seed is the same run, bit for bit', async () => {
  const long = '--max-steps 6 --lora-dropout 0.1';
  await Promise.all([
    tune('whole', `${long} --batch-size 8`),
    tune('again', `${long} --batch-size 8`),
    tune('split', `${long} --batch-size 1 --gradient-accumulation-steps 8`),
    tune('packed', `${long} --batch-size 8 --packing`),
    tune('other', `${long} --batch-size 8 --seed 7`),
  ]);
  const whole = await outcomeOf('whole');
  assert.deepEqual(await outcomeOf('again'), whole);
  assert.notDeepEqual((await outcomeOf('other')).adapter, whole.adapter);
  for (const run of ['split', 'packed']) {
    const found = await outcomeOf(run);
    const losses = relativeError(found.losses, whole.losses);
    assert.ok(losses < 1e-5, `${run}: losses differ by ${losses}`);
    for (const [name, values] of whole.adapter) {
      const error = relativeError(found.adapter.get(name) ?? [], values);
      assert.ok(error < 1e-5, `${run}: ${name} differs by ${error}`);
    }
  }
});

test('a run that is killed before, at and after its checkpoints ends as the unbroken one, bit for bit', async () => {
  const options =
    '--max-steps 60 --batch-size 2 --gradient-accumulation-steps 2 --lora-dropout 0.1 --save-steps 7 --lr-scheduler-type cosine';
  const killed = async (): Promise<void> => {
    await tune('killed', options, /^step 1\/60/m);
    await program(['tune', '--resume', at('killed')], /^step 14: saved/m);
    const told = await program(['tune', '--resume', at('killed')], /^step (28|35): saved/m);
    assert.match(told, /goes on after step (14|21)/);
    await program(['tune', '--resume', at('killed'), '--quiet']);
  };
  await Promise.all([tune('unbroken', options), killed()]);
  assert.deepEqual(await outcomeOf('killed'), await outcomeOf('unbroken'));
});
