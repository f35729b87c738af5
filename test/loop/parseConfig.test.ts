import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig, withField } from '../../src/loop/parseConfig.ts';
import { ruleUnits, strategyUnits } from '../../src/optimizers/index.ts';
import { schedules } from '../../src/optimizers/schedule.ts';
import { UsageError } from '../../src/loop/usageError.ts';

const least = { model: { path: 'm' }, data: { path: 'd' } };

test('a config of two paths gets every default', () => {
  const config = parseConfig(least);
  assert.equal(config.schemaVersion, 1);
  assert.deepEqual(config.adapter, {
    type: 'lora',
    r: 16,
    alpha: 32,
    dropout: 0,
    targetModules: 'all-linear',
    rankPattern: {},
    alphaPattern: {},
    useRslora: false,
    useDora: false,
    initLoraWeights: 'true',
    bias: 'none',
    loraBias: false,
  });
  assert.equal(config.optimizer.learningRate, 2e-4);
  assert.equal(config.train.seed, 42);
  assert.equal(config.train.maxSteps, undefined);
  assert.deepEqual(parseConfig(config), config);
  assert.equal(parseConfig({ ...least, adapter: { type: 'none' } }).adapter.type, 'none');
});

const wrong: readonly (readonly [string, unknown, RegExp])[] = [
  ['no model', { data: { path: 'd' } }, /^model\.path is missing$/],
  ['no object', 5, /^config: expected an object but found 5$/],
  [
    'an unknown key',
    { ...least, adapter: { rank: 3 } },
    /^adapter\.rank: there is no such field\. Did you mean adapter\.r\?$/,
  ],
  ['another spelling', { ...least, train: { batch_size: 3 } }, /Did you mean train\.batchSize\?$/],
  ['another seam', { ...least, train: { learningRate: 3 } }, /Did you mean optimizer\.learningRate\?$/],
  ['an unknown seam', { ...least, optimiser: {} }, /^optimiser: .*Did you mean optimizer\?$/],
  [
    'a key of another adapter',
    { ...least, adapter: { type: 'none', r: 3 } },
    /^adapter\.r: adapter none has no such field$/,
  ],
  ['a text for a number', { ...least, train: { epochs: 'two' } }, /^train\.epochs: expected a number but found two$/],
  ['half a rank', { ...least, adapter: { r: 1.5 } }, /^adapter\.r: expected a whole number but found 1\.5$/],
  ['no rank', { ...least, adapter: { r: 0 } }, /^adapter\.r: expected at least 1 but found 0$/],
  ['all dropped', { ...least, adapter: { dropout: 1 } }, /^adapter\.dropout: expected less than 1 but found 1$/],
  ['no targets', { ...least, adapter: { targetModules: [] } }, /expected at least one name but found \[\]$/],
  [
    'targets of another kind',
    { ...least, adapter: { targetModules: 5 } },
    /expected text or a list of texts but found 5$/,
  ],
  [
    'an unknown choice',
    { ...least, data: { path: 'd', loss: 'complet' } },
    /expected auto, completion, all or assistant but found complet$/,
  ],
  ['an adapter that is not there', { ...least, adapter: { type: 'dora' } }, /^adapter\.type: .*found dora/],
  ['a precision that is not there', { ...least, engine: { precision: 'fp16' } }, /auto, fp32 or bf16/],
  ['a version of tomorrow', { ...least, schemaVersion: 2 }, /^schemaVersion: expected 1 but found 2$/],
  [
    'a best model without evaluations',
    { ...least, data: { path: 'd', evalPath: 'e' }, train: { loadBestModelAtEnd: true } },
    /^train\.loadBestModelAtEnd: expected evaluations while training \(train\.evalSteps\) with it/,
  ],
  [
    'a reward without evaluation data',
    { ...least, reward: { path: 'exactMatch' } },
    /^reward\.path: expected evaluation data/,
  ],
  ['evaluation without data', { ...least, train: { evalSteps: 5 } }, /^train\.evalSteps: expected evaluation data/],
  [
    'warmup that would be ignored',
    { ...least, schedule: { type: 'constant', warmupSteps: 5 } },
    /^schedule\.warmupSteps: schedule constant has no such field$/,
  ],
  [
    'a schedule that rises',
    { ...least, schedule: { type: 'polynomial', lrEnd: 1 } },
    /^schedule\.lrEnd: expected less than the learning rate, 0\.0002, but found 1$/,
  ],
  [
    "another optimizer's field",
    { ...least, optimizer: { type: 'sgd', beta1: 0.5 } },
    /^optimizer\.beta1: optimizer sgd has no such field$/,
  ],
  [
    'nesterov alone',
    { ...least, optimizer: { type: 'sgd', nesterov: true } },
    /^optimizer\.nesterov: expected false, or a momentum above 0 with it, but found true$/,
  ],
  [
    'a step and a half of warmup',
    { ...least, schedule: { warmupSteps: 1.5 } },
    /^schedule\.warmupSteps: expected a whole number, or below 1/,
  ],
  [
    'a wrong value in a map',
    { ...least, data: { path: 'd', columns: { a: 3 } } },
    /^data\.columns\.a: expected text but found 3$/,
  ],
];
for (const [what, value, message] of wrong) {
  test(`${what} is refused by field, expected and found`, () => {
    assert.throws(
      () => parseConfig(value),
      (error: unknown) => (error instanceof UsageError && message.test(error.message)) || assert.fail(String(error)),
    );
  });
}

test('every schedule and optimizer that exists can be chosen', () => {
  for (const type of Object.keys(schedules))
    assert.equal(parseConfig({ ...least, schedule: { type } }).schedule.type, type);
  for (const type of Object.keys(ruleUnits))
    assert.equal(parseConfig({ ...least, optimizer: { type } }).optimizer.type, type);
  for (const type of Object.keys(strategyUnits)) {
    const { optimizer, objective } = parseConfig({ ...least, optimizer: { type }, reward: { path: 'exactMatch' } });
    assert.deepEqual([optimizer.type, objective.type], [type, 'reward']);
  }
});

test('a field is set on a copy', () => {
  const before = { adapter: { r: 1 } };
  assert.deepEqual(withField(before, 'adapter.alpha', 2), { adapter: { r: 1, alpha: 2 } });
  assert.deepEqual(withField({}, 'a.b.c', 1), { a: { b: { c: 1 } } });
  assert.deepEqual(before, { adapter: { r: 1 } });
});
