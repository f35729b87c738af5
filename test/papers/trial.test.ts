import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withChanges } from '../../src/papers/configChanges.ts';
import { defineRecipe } from '../../src/papers/recipe.ts';
import { resultFiles, resultName } from '../../src/papers/resultFile.ts';
import { trialOf } from '../../src/papers/trial.ts';
import { modelStockRecipe } from '../../src/papers/015-model-stock.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/models/${name}`, import.meta.url));

const recipe = defineRecipe<{ readonly steps: number; readonly rates: Readonly<Record<string, number>> }>({
  number: '000',
  claim: 'it runs',
  use: {},
  model: 'nano',
  departures: ['small'],
  seeds: [1, 2, 3],
  config: { steps: 10, rates: { 'lora 1': 0.1 } },
  smoke: { steps: 1, rates: { 'lora 1': 0.1 } },
  others: [
    {
      model: 'tiny/model',
      parameters: 20_000,
      departures: ['tiny'],
      seeds: [4, 5, 6, 7],
      config: { steps: 20, rates: { 'lora 1': 0.2 } },
    },
  ],
  build: () => ({ arms: [], expectations: [], run: () => Promise.resolve({}) }),
});

test('a recipe runs on its own model as it says, and tells which model that is', async () => {
  const { config, departures, seeds, base } = await trialOf(recipe);
  assert.deepEqual({ config, departures, seeds }, { config: recipe.config, departures: ['small'], seeds: [1, 2, 3] });
  assert.equal(base.name, 'nano');
  assert.match(base.fingerprint, /^[0-9a-f]{64}$/);
  assert.deepEqual((await trialOf(recipe, { smoke: true })).config, recipe.smoke);
});

test('another model takes the setting that is nearest in size, and the result says so', async () => {
  const { config, departures, seeds, base } = await trialOf(recipe, { model: fixture('chat') });
  assert.equal(base.name, 'chat');
  assert.ok(Math.abs(Math.log(base.parameters / 20_000)) < Math.abs(Math.log(base.parameters / 3e6)));
  assert.deepEqual(config, { steps: 20, rates: { 'lora 1': 0.2 } });
  assert.deepEqual(seeds, [4, 5, 6, 7]);
  assert.deepEqual(departures, ['tiny', 'all this and the config are for tiny/model, but the model was chat']);
});

test('values of a config are changed by their paths, and the result says so', async () => {
  const changes = { steps: '5', 'rates.lora 1': '3e-2' };
  const { config, departures } = await trialOf(recipe, { changes });
  assert.deepEqual(config, { steps: 5, rates: { 'lora 1': 0.03 } });
  assert.deepEqual(departures, ['small', 'changed by hand: steps = 5, rates.lora 1 = 3e-2']);
  assert.throws(
    () => withChanges(recipe.config, { step: '5' }),
    /config.step: there is no such .* Did you mean steps\?/,
  );
  assert.throws(() => withChanges(recipe.config, { rates: '5' }), /config.rates: there is no such value/);
  assert.throws(() => withChanges(recipe.config, { steps: 'many' }), /config.steps: expected a number but found many/);
  const others = { packing: true, layers: [0, 10] };
  assert.deepEqual(withChanges(others, { packing: 'false' }), { packing: false, layers: [0, 10] });
  assert.throws(() => withChanges(others, { packing: 'no' }), /config.packing: expected true or false but found no/);
  assert.throws(() => withChanges(others, { layers: '3' }), /config.layers: a list is not changed by hand/);
});

test('a model that a recipe cannot learn on is refused by name', async () => {
  await assert.rejects(
    trialOf(modelStockRecipe, { model: 'nano' }),
    /model: 015 runs on nano-vit alone, the classifier .* but found nano/,
  );
  await assert.rejects(
    trialOf(recipe, { model: 'nano-vit' }),
    /model: 000 takes any language model, but nano-vit is none/,
  );
  await assert.rejects(trialOf(recipe, { model: './nowhere' }), /nowhere/);
});

test('results on several models have names of their own, that on the own model first', () => {
  const paper = { number: '092', slug: 'dft' };
  const name = resultName(paper, 'org/SmolLM2 135M.Q4_1');
  assert.equal(name, '092-dft.org-smollm2-135m.q4_1');
  assert.deepEqual(resultFiles([`${name}.json`, '092-dft.json', '092-dfts.json', '093-dft.json'], paper), [
    '092-dft.json',
    `${name}.json`,
  ]);
});
