import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { catalogue } from '../../src/papers/catalogue.ts';
import { recipes } from '../../src/papers/index.ts';
import { runCli } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-papers-cli-'));
after(() => rmSync(folder, { recursive: true }));

test('papers list --json has every paper with its state', async () => {
  const { code, out } = await runCli(['papers', 'list', '--json']);
  assert.equal(code, 0);
  const rows = JSON.parse(out) as { number: string; slug: string; title: string; kind: string; state: string }[];
  assert.deepEqual(
    rows.map(({ number, slug, title, kind }) => ({ number, slug, title, kind })),
    catalogue.map(({ number, slug, title, kind }) => ({ number, slug, title, kind })),
  );
  const there = rows.filter(({ state }) => state === 'recipe').map(({ number }) => number);
  assert.deepEqual(
    there,
    recipes.map(({ number }) => number),
  );
  const plain = await runCli(['papers', 'list']);
  assert.equal(plain.out.trimEnd().split('\n').length, 119);
});

test('papers show says claim, departures and use, or that there is no recipe yet', async () => {
  const shown = await runCli(['papers', 'show', 'intruder-dims']);
  assert.deepEqual(await runCli(['papers', 'show', '052']), shown);
  assert.match(shown.out, /^052 intruder-dims: LoRA vs Full[\s\S]*claim: [\s\S]*departure: [\s\S]*use: tuneloop probe/);
  assert.match((await runCli(['papers', 'show', '1'])).out, /no recipe yet/);
  const json = JSON.parse((await runCli(['papers', 'show', '52', '--json'])).out) as { recipe: { config: object } };
  assert.ok(json.recipe.config);
});

for (const [words, message] of [
  [['papers', 'show', '120'], /N: expected a number from 1 to 119 or a slug but found 120/],
  [['papers', 'show', 'intruder-dim'], /Did you mean intruder-dims\?/],
  [['papers', 'run', '1', '--out', 'x'], /001 rift has no recipe yet; there are /],
  [['papers', 'run', '52'], /--out is missing/],
  [['papers', 'run', '15', '--out', 'x', '--model', 'nano'], /--model: 015 runs on nano-vit alone, .* found nano/],
  [['papers', 'run', '92', '--out', 'x', '--set', 'step=1'], /--set step: there is no such value .* mean steps\?/],
  [['papers', 'verify', '52', '--seeds', '2'], /--seeds: expected a whole number of at least 3 but found 2/],
] as const) {
  test(`tuneloop ${words.join(' ')} ends with 2`, async () => {
    const { code, err } = await runCli(words);
    assert.match(err, message);
    assert.equal(code, 2);
  });
}

test('arms of a recipe run side by side in processes of their own, on the values that are set; a second start only reads', async () => {
  const out = join(folder, 'cola');
  const words = [
    'papers',
    'run',
    '26',
    '--smoke',
    '--set',
    'steps=2,links=2',
    '--out',
    out,
    '--threads',
    '1',
    '--json',
  ];
  const first = await runCli([...words, '--parallel', '2']);
  assert.equal(first.code, 0, first.err);
  const { model, config, figures, costs } = JSON.parse(first.out) as {
    model: { name: string };
    config: { steps: number; links: number; facts: number };
    figures: Record<string, { targetLoss: number }>;
    costs: Record<string, { cpuSeconds: number; trainCpuSeconds: number }>;
  };
  assert.equal(model.name, 'nano');
  assert.deepEqual([config.steps, config.links, config.facts], [2, 2, 8]);
  assert.deepEqual(Object.keys(figures), ['lora', 'lora restarted', 'cola', 'lora of all ranks']);
  for (const { cpuSeconds, trainCpuSeconds } of Object.values(costs))
    assert.ok(trainCpuSeconds > 0 && cpuSeconds > trainCpuSeconds);
  assert.deepEqual((await runCli(words)).out, first.out);
});
