import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseArgs } from '../../src/cli/args.ts';
import { methodsOf } from '../../src/cli/methodOption.ts';
import { configOptions } from '../../src/cli/tuneOptions.ts';
import { useText } from '../../src/cli/useText.ts';
import { withMethod } from '../../src/loop/compare/methods.ts';
import { measureChange } from '../../src/loop/onWeights.ts';
import { withField } from '../../src/loop/parseConfig.ts';
import { recipes } from '../../src/papers/index.ts';
import { papers } from '../../src/papers/papers.ts';
import { namedUse } from '../../src/papers/use.ts';

// What a method may ask of the rest of a config: evaluation data, a reward.
const common = { model: { path: 'm' }, data: { path: 'd', evalShare: 0.5 }, reward: { path: 'exactMatch' } };
const options = configOptions();

for (const { number, use } of recipes) {
  test(`${number}: its method can be used by others, and its command says what its config does`, () => {
    assert.ok(Object.keys(namedUse(use)).length > 0);
    if (!use.config) return;
    const config = withMethod(common, { ...use.config }, (path) => path);
    const words = /^tuneloop tune (.*?) …/.exec(useText(use))?.[1]?.split(' ') ?? assert.fail();
    const { given } = parseArgs(words, options);
    let told: Record<string, unknown> = {};
    for (const { name, path } of options)
      if (path !== undefined && given.has(name)) told = withField(told, path, given.get(name));
    assert.deepEqual(
      withMethod(common, told, (path) => path),
      config,
    );
  });
}

test('recipes are found by number and slug; what is none is named', () => {
  assert.deepEqual(papers.recipe(92).use, { config: { objective: { type: 'dft' } } });
  assert.equal(papers.recipe('092').slug, 'dft');
  assert.equal(papers.recipe('intruder-dims').use.probe?.type, 'intruder-dims');
  assert.throws(() => papers.recipe(120), /expected a number from 1 to 119 or a slug but found 120/);
  assert.throws(() => papers.recipe('intruder-dim'), /Did you mean intruder-dims\?/);
  assert.throws(() => papers.recipe(1), /001 rift has no recipe yet; there are /);
  assert.equal(papers.list().filter(({ state }) => state === 'recipe').length, recipes.length);
});

test('methods to compare go by the names of papers too', () => {
  const methods = methodsOf(['masked-thought', '026:lora-r=2', '92+ssf'], options);
  assert.deepEqual(methods['026:lora-r=2'], { adapter: { type: 'cola', links: 3, r: 2 } });
  assert.deepEqual(methods['92+ssf'], { objective: { type: 'dft' }, adapter: { type: 'ssf' } });
  assert.throws(() => methodsOf(['052'], options), /--methods 052: there is no unit 052/);
});

test("a recipe's probe measures a pair of models of one's own", async () => {
  const model = fileURLToPath(new URL('../fixtures/models/default', import.meta.url));
  const { probe } = papers.recipe(52).use;
  const { value } = await measureChange(probe ?? assert.fail(), { before: model, after: model });
  assert.equal(value, probe?.zero);
  await assert.rejects(measureChange(probe ?? assert.fail(), { before: model, after: 'nowhere/at all' }), /nowhere/);
});
