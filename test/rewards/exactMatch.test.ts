import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exactMatch } from '../../src/rewards/exactMatch.ts';

test('equal texts score 1, others 0 with the place, none without a reference', () => {
  assert.deepEqual(exactMatch.grade({ completion: ' 42\n', reference: '42' }), { score: 1, reason: 'equal' });
  assert.deepEqual(exactMatch.grade({ completion: '43', reference: '42' }), {
    score: 0,
    reason: 'differs from character 2 on',
  });
  assert.deepEqual(exactMatch.grade({ completion: '4', reference: '42' }), {
    score: 0,
    reason: 'differs from character 2 on',
  });
  assert.deepEqual(exactMatch.grade({ completion: ' ', reference: '42' }), { score: 0, reason: 'nothing was written' });
  assert.equal(exactMatch.grade({ completion: '42' }).score, null);
});
