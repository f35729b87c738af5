import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bestWatch } from '../../src/loop/best.ts';

const watchOf = (options: Partial<Parameters<typeof bestWatch>[0]> = {}) =>
  bestWatch({ metricForBestModel: 'evalLoss', ...options });

/** Which of some losses, one evaluation after another from step 1 on, were the best, and after which patience was used up. */
function follow(watch: ReturnType<typeof watchOf>, losses: readonly number[]): { best: number[]; stop: number } {
  const best: number[] = [];
  let stop = 0;
  losses.forEach((evalLoss, i) => {
    if (watch.note({ step: i + 1, evalLoss })) best.push(i + 1);
    if (stop === 0 && watch.exhausted()) stop = i + 1;
  });
  return { best, stop };
}

test('an evaluation is the best where it is better than all before, and uses up patience where it is not', () => {
  const watch = watchOf({ earlyStoppingPatience: 2 });
  assert.deepEqual(follow(watch, [3, 2, 2, 1.9, 2.5, NaN, 1]), { best: [1, 2, 4, 7], stop: 6 });
  assert.deepEqual(watch.best(), { step: 7, metric: 'evalLoss', value: 1 });
});

test('a gain within the threshold makes the best and uses up patience all the same', () => {
  const watch = watchOf({ earlyStoppingPatience: 2, earlyStoppingThreshold: 0.5 });
  assert.deepEqual(follow(watch, [3, 2.4, 2.3, 1.9]), { best: [1, 2, 3, 4], stop: 4 });
});

test('more of a reward is better; less of it where that is asked for', () => {
  const notes = (greaterIsBetter?: boolean): number => {
    const options = greaterIsBetter === undefined ? {} : { greaterIsBetter };
    const watch = watchOf({ metricForBestModel: 'reward', ...options });
    [0.2, 0.9, 0.1].forEach((reward, i) => watch.note({ step: i + 1, evalLoss: 1, reward }));
    return watch.best()?.step ?? 0;
  };
  assert.deepEqual([notes(), notes(true), notes(false)], [2, 2, 3]);
});

test('what is before the first step and what is known already change nothing', () => {
  const watch = watchOf({ earlyStoppingPatience: 1 });
  assert.equal(watch.note({ step: 0, evalLoss: 1 }), false);
  assert.equal(watch.best(), undefined);
  assert.equal(watch.note({ step: 4, evalLoss: 2 }), true);
  assert.equal(watch.note({ step: 4, evalLoss: 1 }), false);
  assert.deepEqual(watch.gainOver({ evalLoss: 1 }), -1);
  assert.equal(watch.exhausted(), false);
});

test('a state goes on where it was saved; another one is refused', async () => {
  const first = watchOf({ earlyStoppingPatience: 2 });
  follow(first, [3, 2, 4]);
  const second = watchOf({ earlyStoppingPatience: 2 });
  await second.load(JSON.parse(JSON.stringify(await first.save())) as Awaited<ReturnType<typeof first.save>>);
  assert.deepEqual(second.best(), first.best());
  assert.equal(second.note({ step: 3, evalLoss: 0 }), false);
  second.note({ step: 4, evalLoss: 2.5 });
  assert.equal(second.exhausted(), true);
  second.rest();
  assert.equal(second.exhausted(), false);
  await assert.rejects(
    second.load({ data: { waited: 'long' } }),
    /best evaluation so far but found \{"waited":"long"\}/,
  );
});
