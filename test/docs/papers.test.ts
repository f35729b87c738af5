import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { recipes } from '../../src/papers/index.ts';
import type { Setting } from '../../src/papers/recipe.ts';
import type { VerifyResult } from '../../src/papers/verify.ts';
import { papersPage } from '../../tools/papers-docs.ts';

test('docs/papers.md is what the recipes and their results say; node tools/papers-docs.ts writes it', () => {
  assert.equal(readFileSync(new URL('../../docs/papers.md', import.meta.url), 'utf8'), papersPage());
});

const folder = new URL('../../assets/papers/', import.meta.url);
/** Verified before its config had a name for the task, which was the same. */
const older: ReadonlySet<string> = new Set(['092-dft.json']);

for (const name of readdirSync(folder)) {
  test(`${name} is of a recipe as it stands: its seeds, config, arms and what is expected of them`, () => {
    const result = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as VerifyResult;
    const recipe = recipes.find(({ number }) => name.startsWith(number)) ?? assert.fail(name);
    const settings: readonly Setting[] = [recipe, ...(recipe.others ?? [])];
    const setting =
      settings.find(({ config }) => JSON.stringify(config) === JSON.stringify(result.config)) ??
      (older.has(name) ? recipe : assert.fail(`no setting of ${recipe.number} has ${JSON.stringify(result.config)}`));
    assert.deepEqual(result.seeds, setting.seeds);
    const { arms, expectations } = recipe.build(setting.config);
    for (const figures of result.figures) assert.deepEqual(Object.keys(figures), arms);
    const named = ({ figure, of = 'level', arm, than, is }: (typeof expectations)[number]): string =>
      [of, figure, arm, is, than].join(' ');
    assert.deepEqual(result.outcomes.map(named), expectations.map(named));
    assert.deepEqual(result.claim, recipe.claim);
  });
}
