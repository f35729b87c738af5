import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CompareResult } from '../../src/loop/compare/result.ts';
import { runCli } from './run.ts';

const model = fileURLToPath(new URL('../fixtures/models/chat', import.meta.url));
const program = fileURLToPath(new URL('../../bin/tuneloop.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-compare-'));
after(() => rmSync(folder, { recursive: true }));
// Every run is a process: the sources are compiled once for all of them.
process.env['NODE_COMPILE_CACHE'] = join(folder, 'compiled');
const data = join(folder, 'data.jsonl');
const rows = ['mat', 'cat', 'hat', 'apples', 'four', 'two', 'seven', 'the mat'];
writeFileSync(data, rows.map((text) => `${JSON.stringify({ prompt: 'The', completion: ` ${text}` })}\n`).join(''));

const out = join(folder, 'compared');
const settings = '--max-steps 3 --batch-size 2 --save-steps 1 --learning-rate 0.01 --eval-share 0.25 --threads 1 --forgetting.measure false --samples.prompts 0'; // prettier-ignore
const words = (methods: string, seeds: number): string[] =>
  `compare --model ${model} --data ${data} --out ${out} --methods ${methods} --seeds ${seeds} ${settings}`.split(' ');
const result = (): CompareResult => JSON.parse(readFileSync(join(out, 'compare.json'), 'utf8')) as CompareResult;
const states = (): string[] =>
  result().methods.flatMap(({ name, runs }) => runs.map(({ seed, state }) => `${name} ${seed} ${state}`));
const metrics = (run: string): string[] =>
  existsSync(join(out, 'runs', run, 'metrics.jsonl'))
    ? readFileSync(join(out, 'runs', run, 'metrics.jsonl'), 'utf8').split('\n')
    : [];
const has = (run: string, start: string): boolean => metrics(run).some((line) => line.startsWith(start));
const until = async (holds: () => boolean): Promise<void> => {
  for (const begun = performance.now(); !holds(); await sleep(20))
    assert.ok(performance.now() - begun < 120_000, 'it does not come to that');
};
const adapterOf = (run: string): Buffer => readFileSync(join(out, 'runs', run, 'adapter', 'adapter_model.safetensors'));

test(
  'a comparison that is killed goes on with what is missing',
  { skip: process.platform === 'win32' ? 'no kill -9' : false },
  async () => {
    const child = spawn(process.execPath, [program, ...words('lora,ssf', 1), '--parallel', '1', '--quiet'], {
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await until(() => has('ssf/seed-42', '{"type":"step","step":1'));
    child.kill('SIGKILL');
    await ended;
    const before = adapterOf('lora/seed-42');
    const began = readFileSync(join(out, 'runs', 'lora', 'seed-42', 'config.json'), 'utf8');
    const { code, out: table, err } = await runCli(words('lora,ssf', 1));
    assert.equal(code, 0, err);
    assert.match(err, /1 runs to come, 1 are done; 1 side by side, 1 thread each/);
    assert.match(table, /method +runs +gain +cost +time +memory +trained\n/);
    assert.match(table, /\n[* ] {2}ssf +1\/1 +[+−]\d/);
    assert.deepEqual(states(), ['lora 42 done', 'ssf 42 done']);
    assert.deepEqual(adapterOf('lora/seed-42'), before);
    assert.equal(readFileSync(join(out, 'runs', 'lora', 'seed-42', 'config.json'), 'utf8'), began);
    const steps = metrics('ssf/seed-42').filter((line) => line.startsWith('{"type":"step"'));
    assert.equal(steps.length, 3, 'no step stands there twice');
    assert.match(readFileSync(join(out, 'compare.html'), 'utf8'), /runs\/lora\/seed-42/);
  },
);

test('Ctrl-C saves all runs; seeds may be added, and all is done once', async () => {
  const controller = new AbortController();
  const stopped = runCli([...words('lora,ssf', 2), '--parallel', '2'], controller.signal);
  await until(() => has('lora/seed-43', '{"type":"step","step":1') || has('ssf/seed-43', '{"type":"step","step":1'));
  controller.abort();
  const { code, err } = await stopped;
  assert.equal(code, 130, err);
  assert.ok(err.includes(`Go on with: tuneloop compare --resume ${out}`), err);
  const resumed = await runCli(['compare', '--resume', out, '--json']);
  assert.equal(resumed.code, 0, resumed.err);
  assert.deepEqual(states(), ['lora 42 done', 'lora 43 done', 'ssf 42 done', 'ssf 43 done']);
  const { methods, commonSeeds, gain } = JSON.parse(resumed.out) as CompareResult;
  assert.deepEqual([commonSeeds, gain], [[42, 43], 'loss']);
  for (const { figures, against, name } of methods) {
    assert.ok(Number(figures.gain?.low) < Number(figures.gain?.high));
    assert.equal(against === undefined, name === 'lora');
  }
  assert.notDeepEqual(adapterOf('lora/seed-42'), adapterOf('lora/seed-43'));
  const again = await runCli(words('lora,ssf', 2));
  assert.deepEqual([again.code, /0 runs to come, 4 are done/.test(again.err)], [0, true], again.err);
});

test('a method that fails loses no other', async () => {
  const { code, err, out: table } = await runCli(words('lora,ssf,lora:target-modules=nothing', 2));
  assert.equal(code, 1);
  assert.match(err, /2 of 6 runs failed, lora:target-modules=nothing with seed 42 first: .*nothing/);
  assert.match(table, /lora +2\/2[^]*target-modules=nothing +0\/2/);
  assert.deepEqual(result().methods[2]?.runs[0]?.state, 'failed');
});

const wrong: readonly (readonly [more: readonly string[], message: RegExp])[] = [
  [[], /train\.maxSteps was 3 when this comparison was begun and is 4 now/],
  [['--methods', 'sfs'], /--methods sfs: there is no unit sfs\. Did you mean ssf\?/],
  [['--methods', 'lora:lora-r=x'], /--methods lora:lora-r=x: --lora-r: expected a number but found x/],
  [['--methods', 'lora:max-steps=9'], /train: what all methods have in common stands beside methods/],
  [['--methods', 'lora', 'dpo'], /dpo learns from pairs, lora from texts/],
  [['--methods', 'lora:lora-r=4', 'LORA:lora-r=4'], /there is no unit LORA\. Did you mean lora\?/],
  [['--seeds', '0'], /--seeds: expected a whole number of at least 1/],
];
for (const [more, message] of wrong) {
  test(`wrong usage is told and changes nothing: ${more.join(' ') || 'another number of steps'}`, async () => {
    const files = (): Set<string> => new Set(readdirSync(out, { recursive: true, encoding: 'utf8' }));
    const before = files();
    const given = new Set(more.filter((word) => word.startsWith('--')));
    const own = words('lora', 1).flatMap((word, i, all) =>
      given.has(word) || given.has(all[i - 1] ?? '') ? [] : [word],
    );
    own[own.indexOf('--max-steps') + 1] = '4';
    const { code, err } = await runCli([...own, ...more]);
    assert.match(err, message);
    assert.equal(code, 2);
    assert.deepEqual(files(), before);
  });
}

test('other folders are left alone', async () => {
  const own = words('lora', 1);
  own[own.indexOf('--out') + 1] = folder;
  const { code, err } = await runCli(own);
  assert.deepEqual(
    [code, err.includes(`${folder}: expected a new folder, an empty one or a comparison`)],
    [2, true],
    err,
  );
  const none = await runCli(['compare', '--resume', folder]);
  assert.deepEqual([none.code, /expected the folder of a comparison but found none/.test(none.err)], [1, true]);
});

test('where no method can run, that alone is said and nothing is left', async () => {
  const own = words('lora', 1);
  const torn = join(folder, 'torn.jsonl');
  writeFileSync(torn, '{"text": ');
  own[own.indexOf('--data') + 1] = torn;
  own[own.indexOf('--out') + 1] = join(folder, 'never');
  const { code, err, out: table } = await runCli([...own, '--quiet']);
  assert.deepEqual([code, table], [1, '']);
  assert.match(err, /^tuneloop: [^\n]*torn\.jsonl, line 1: expected JSON[^\n]*\n$/);
  assert.equal(existsSync(join(folder, 'never')), false);
});

test('two at once are refused', async () => {
  writeFileSync(join(out, 'lock'), `${process.ppid} ${hostname()}\n`);
  const { code, err } = await runCli(['compare', '--resume', out]);
  rmSync(join(out, 'lock'));
  assert.deepEqual([code, err.includes(`found process ${process.ppid} at work in it`)], [2, true], err);
});
