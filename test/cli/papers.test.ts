import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catalogue } from '../../src/papers/catalogue.ts';
import { recipes } from '../../src/papers/index.ts';
import { runCli } from './run.ts';

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
  [['papers', 'verify', '52', '--seeds', '2'], /--seeds: expected a whole number of at least 3 but found 2/],
] as const) {
  test(`tuneloop ${words.join(' ')} ends with 2`, async () => {
    const { code, err } = await runCli(words);
    assert.match(err, message);
    assert.equal(code, 2);
  });
}
