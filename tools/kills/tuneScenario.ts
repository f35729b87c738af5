import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkpointsIn, latestCheckpoint } from '../../src/loop/checkpoints.ts';
import { readPeftFolder } from '../../src/hub/peft.ts';
import { cli, measured, succeed } from './cli.ts';
import type { Scenario } from './scenario.ts';
import { linesOf, treeOf } from './tree.ts';

export const model = fileURLToPath(new URL('../../test/fixtures/models/chat', import.meta.url));

const common = '--learning-rate 0.01 --save-steps 2 --save-total-limit 2 --quiet --engine ort --threads 1';

/** A run on few lines, as words. */
function runArgs(folder: string, base: string, steps: number, options: string): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const line = (i: number): string =>
    `${JSON.stringify({ prompt: `What is ${i} + ${i * 7}?`, completion: ` The sum is ${i * 8}.` })}\n`;
  const data = join(folder, 'train.jsonl');
  writeFileSync(data, Array.from({ length: 13 }, (_, i) => line(i)).join(''));
  const files = ['--model', base, '--data', data, '--eval-data', data];
  return ['tune', ...files, ...`${options} ${common}`.split(' '), '--max-steps', String(steps)];
}

/** Arguments of a small run whose every step matters: dropout, accumulation, a schedule, evaluations and checkpoints on the way. */
export const tuneArgs = (folder: string, { steps = 12, base = model } = {}): readonly string[] =>
  runArgs(
    folder,
    base,
    steps,
    '--batch-size 2 --gradient-accumulation-steps 2 --lr-scheduler-type cosine --warmup-steps 2 --lora-r 4 --lora-dropout 0.1 --eval-steps 5',
  );

const reward = '--reward conciseness --forgetting.measure false --eval-steps 3';

/** Answers that several steps learn from: two updates of each, so that checkpoints come between an answer and its last use. */
export const grpoArgs = (folder: string): readonly string[] =>
  runArgs(
    folder,
    model,
    8,
    `--objective grpo --objective.numGenerations 2 --objective.numIterations 2 --objective.maxCompletionLength 8 --batch-size 4 --lora-r 4 ${reward}`,
  );

/** All weights moved by noise. */
export const esArgs = (folder: string): readonly string[] =>
  runArgs(
    folder,
    model,
    6,
    `--adapter none --optimizer es --objective reward --optimizer.populationSize 3 --objective.maxCompletionLength 8 --batch-size 4 ${reward}`,
  );

const names: ReadonlySet<string> = new Set([
  'config.json',
  'metrics.jsonl',
  'samples.jsonl',
  'adapter',
  'model',
  'checkpoints',
  'report.html',
  'base.json',
]);
const isLeftover = (name: string): boolean => /\.(?:tmp|old)-[0-9a-f]{8}$/.test(name);

/** What a run comes to: its adapter, its last checkpoints, its metrics and its answers. */
export function resultOf(run: string): unknown {
  return {
    adapter: treeOf(join(run, 'adapter')),
    model: treeOf(join(run, 'model')),
    checkpoints: treeOf(join(run, 'checkpoints')),
    metrics: linesOf(run, 'metrics.jsonl'),
    samples: linesOf(run, 'samples.jsonl'),
    base: treeOf(join(run, 'base.json')),
  };
}

/** Error where something that is not whole stands under its final name. */
export async function assertWhole(run: string): Promise<void> {
  if (!existsSync(run)) return;
  for (const name of readdirSync(run)) assert.ok(names.has(name) || isLeftover(name), `${name} in the run folder`);
  if (existsSync(join(run, 'config.json'))) JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
  if (existsSync(join(run, 'adapter'))) await readPeftFolder(join(run, 'adapter'));
  linesOf(run, 'metrics.jsonl');
  linesOf(run, 'samples.jsonl');
  const checkpoints = join(run, 'checkpoints');
  const count = (await checkpointsIn(checkpoints)).length;
  const { damaged, good } = await latestCheckpoint(checkpoints);
  assert.deepEqual(damaged, []);
  assert.ok(count === 0 || good !== undefined);
}

/** Error where the figures of a base are not whole under their final name. */
function assertWholeCache(cache: string): void {
  const base = join(cache, 'base');
  if (!existsSync(base)) return;
  for (const name of readdirSync(base)) if (!isLeftover(name)) JSON.parse(readFileSync(join(base, name), 'utf8'));
}

/** A run of `tune` by name and arguments: whatever kills it, going on comes to the same. */
export async function runScenario(
  name: string,
  argvIn: (folder: string) => readonly string[],
  folder: string,
): Promise<Scenario> {
  const argv = argvIn(folder);
  const whole = join(folder, 'whole');
  /** A cache of its own, so that the base is measured anew. */
  const cacheFor = (run: string): { TUNELOOP_CACHE: string } => ({ TUNELOOP_CACHE: `${run}-cache` });
  const { ms, changes } = await measured([...argv, '--out', whole], folder, cacheFor(whole));
  const expected = resultOf(whole);
  let runs = 0;
  return {
    name,
    ms,
    changes,
    once: async (kill) => {
      const run = join(folder, `run-${runs++}`);
      const env = cacheFor(run);
      const { code } = await cli([...argv, '--out', run], { ...kill, env });
      await assertWhole(run);
      assertWholeCache(env.TUNELOOP_CACHE);
      const started = existsSync(join(run, 'config.json'));
      await succeed(started ? ['tune', '--resume', run, '--quiet'] : [...argv, '--out', run], { env });
      assert.deepEqual(resultOf(run), expected);
      assert.deepEqual(readdirSync(run).filter(isLeftover), []);
      rmSync(run, { recursive: true });
      rmSync(env.TUNELOOP_CACHE, { recursive: true, force: true });
      return code === null;
    },
  };
}
