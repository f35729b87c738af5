import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collate } from '../../src/data/batches.ts';
import { makeDataStep } from '../../src/data/dataSteps.ts';
import type { StepContext } from '../../src/data/dataStep.ts';
import type { TrainExample } from '../../src/data/examples.ts';
import { maskedThoughtUnit, maskProbability } from '../../src/data/maskedThought.ts';

const context: StepContext = { seed: 7, step: 100, steps: 100, vocabSize: 50, padTokenId: 0 };
const example = (index: number, length: number, prompt: number): TrainExample => ({
  index,
  ids: Int32Array.from({ length }, (_, i) => 1 + ((i + index) % 40)),
  mask: Uint8Array.from({ length }, (_, i) => (i < prompt ? 0 : 1)),
});
const step = (options: Record<string, unknown> = {}) =>
  makeDataStep(maskedThoughtUnit.schema.parse({ type: 'masked-thought', ...options })) ?? assert.fail('no step');

const rows = Array.from({ length: 40 }, (_, i) => [example(i, 60, 20)]);
const batch = collate(rows, 64, 0);

test('hides a share of the answers alone, and leaves targets and weights', () => {
  const changed = step({ probability: 0.3 }).apply(batch, context);
  let [hidden, answers] = [0, 0];
  changed.ids.forEach((id, at) => {
    const position = at % 64;
    const isAnswer = position >= 20 && position < 60;
    if (isAnswer) answers++;
    if (id !== batch.ids[at]) {
      assert.ok(isAnswer, `position ${position} belongs to the prompt or to padding`);
      assert.equal(id, 0);
      hidden++;
    }
  });
  // 1600 draws: four standard deviations are 0.046.
  assert.ok(Math.abs(hidden / answers - 0.3) < 0.046, `${hidden} of ${answers}`);
  assert.deepEqual(changed.targets, batch.targets);
  assert.deepEqual(changed.weights, batch.weights);
  assert.notEqual(changed.ids, batch.ids);
});

test('an example loses the same tokens in any batch, packed or not, and others at another step', () => {
  const hide = step({ probability: 0.5 });
  const [first, second] = [example(3, 30, 5), example(9, 20, 5)];
  const packed = hide.apply(collate([[first, second]], 64, 0), context).ids;
  const alone = hide.apply(collate([[second]], 64, 0), context).ids;
  assert.deepEqual(packed.subarray(30, 50), alone.subarray(0, 20));
  const later = hide.apply(collate([[second]], 64, 0), { ...context, step: 99 }).ids;
  assert.notDeepEqual(later, alone);
});

test('random tokens are of the whole vocabulary', () => {
  const { ids } = step({ probability: 1, replaceBy: 'random', warmupRatio: 0 }).apply(batch, context);
  const found = new Set(Array.from(ids).filter((_, at) => at % 64 >= 20 && at % 64 < 60));
  assert.equal(found.size, 50);
});

test('the probability rises from 0 over a share of the steps', () => {
  const config = maskedThoughtUnit.schema.parse({ type: 'masked-thought', probability: 0.4, warmupRatio: 0.5 });
  assert.equal(maskProbability(config, 1, 100), 0);
  assert.ok(Math.abs(maskProbability(config, 26, 100) - 0.2) < 1e-12);
  assert.equal(maskProbability(config, 51, 100), 0.4);
  assert.equal(maskProbability(config, 100, 100), 0.4);
  assert.equal(maskProbability({ ...config, warmupRatio: 0 }, 1, 100), 0.4);
});

test('a mask token that is not there is refused by name', () => {
  assert.throws(
    () => step().apply(batch, { ...context, padTokenId: undefined }),
    /dataStep\.maskTokenId: expected the id/,
  );
  assert.throws(() => step({ maskTokenId: 50 }).apply(batch, context), /expected an id below 50 but found 50/);
  assert.equal(makeDataStep({ type: 'none' }), undefined);
});
