import assert from 'node:assert/strict';
import { test } from 'node:test';
import { folderName, methodNamed, withMethod } from '../../../src/loop/compare/methods.ts';
import { UsageError } from '../../../src/loop/usageError.ts';

const nameOf = (path: string): string => path;
const base = { model: { path: 'm' }, data: { path: 'd' } };

test('a method is named by its units', () => {
  assert.deepEqual(methodNamed('ssf'), { adapter: { type: 'ssf' } });
  assert.deepEqual(methodNamed('full'), { adapter: { type: 'none' } });
  assert.deepEqual(methodNamed('dft'), { objective: { type: 'dft' } });
  assert.deepEqual(methodNamed('masked-thought+lion'), {
    dataStep: { type: 'masked-thought' },
    optimizer: { type: 'lion' },
  });
});

for (const [name, message] of [
  ['sfs', /there is no unit sfs\. Did you mean ssf\?/],
  ['none', /none may be adapter\.type or dataStep\.type; name the field/],
  ['lora+full', /lora\+full names two units of one seam, adapter/],
  ['', /there is no unit without a name/],
] as const) {
  test(`the method ${name || 'without a name'} is refused`, () => {
    assert.throws(
      () => methodNamed(name),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

test('a method lies on what is common to all; another unit takes over the fields that it has', () => {
  const common = { ...base, adapter: { r: 64, useRslora: true }, optimizer: { learningRate: 1e-3, beta1: 0.5 } };
  const merged = withMethod(common, { adapter: { alpha: 3 } }, nameOf).adapter;
  assert.ok(merged.type === 'lora');
  assert.deepEqual([merged.r, merged.alpha, merged.useRslora], [64, 3, true]);
  const chain = withMethod(common, { adapter: { type: 'cola', links: 2 } }, nameOf).adapter;
  assert.ok(chain.type === 'cola');
  assert.deepEqual([chain.r, chain.links], [64, 2]);
  assert.ok(!('useRslora' in chain));
  assert.equal(withMethod(common, methodNamed('full'), nameOf).adapter.type, 'none');
  const sgd = withMethod(common, { optimizer: { type: 'sgd' } }, nameOf).optimizer;
  assert.deepEqual([sgd.learningRate, 'beta1' in sgd], [1e-3, false]);
  assert.equal(withMethod(common, { optimizer: { type: 'sgd', learningRate: 1 } }, nameOf).optimizer.learningRate, 1);
});

test('what all methods have in common is no part of one', () => {
  assert.throws(() => withMethod(base, { train: { maxSteps: 3 } }, nameOf), /train: what all methods have in common/);
  assert.throws(() => withMethod(base, { model: { path: 'n' } }, nameOf), /model\.path: all methods start from one/);
  assert.throws(() => withMethod(base, { adapter: { r: 0 } }, nameOf), /adapter\.r: expected at least 1 but found 0/);
  assert.throws(() => withMethod(base, { optimiser: {} }, nameOf), /optimiser: there is no such field/);
});

test('folders are named after methods', () => {
  assert.equal(folderName('full:learning-rate=2e-5'), 'full-learning-rate-2e-5');
  assert.equal(folderName('LoRA r = 64'), 'lora-r-64');
  assert.equal(folderName('../../etc'), 'etc');
  assert.equal(folderName('..'), 'method');
});
