import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userReward } from '../../src/rewards/userReward.ts';

const graded = { prompt: 'p', completion: 'c', reference: 'r', fields: { level: 3 } };
const grade = async (give: (...values: readonly unknown[]) => unknown) =>
  userReward({ path: 'mine.ts', call: give }).grade(graded);

test('a number, null, a grade and a promise are grades', async () => {
  assert.deepEqual(await grade(() => 0.5), { score: 0.5, reason: '' });
  assert.deepEqual(await grade(() => null), { score: null, reason: '' });
  assert.deepEqual(await grade(async () => ({ score: -2, reason: 'short' })), { score: -2, reason: 'short' });
  assert.deepEqual(await grade((given) => (given === graded ? 1 : 0)), { score: 1, reason: '' });
});

for (const wrong of [undefined, NaN, Infinity, '1', true, { score: '1' }, [1]]) {
  test(`${typeof wrong} ${JSON.stringify(wrong)} is refused by the module's name`, async () => {
    await assert.rejects(
      grade(() => wrong),
      /^TypeError: mine\.ts: expected a finite number, null or \{ score, reason \} but found /,
    );
  });
}

test('what the function throws names the module', async () => {
  await assert.rejects(
    grade(() => {
      throw new RangeError('no such level');
    }),
    /^Error: mine\.ts: no such level$/,
  );
});
