import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conciseness } from '../../src/rewards/conciseness.ts';
import { countdown } from '../../src/rewards/countdown.ts';
import { expressionValue } from '../../src/rewards/expression.ts';
import { namedRewards } from '../../src/rewards/index.ts';

test('expressions have the value that arithmetic gives them, and nothing else has one', () => {
  const values: readonly (readonly [string, number])[] = [
    ['1 + 2*3', 7],
    ['(1 + 2) * 3', 9],
    ['2 - 3 - 4', -5],
    ['8 / 4 / 2', 1],
    ['-(2 - 5) * +2', 6],
    ['2 * -3', -6],
    ['--4', 4],
    ['((10))', 10],
  ];
  for (const [text, value] of values) assert.equal(expressionValue(text), value, text);
  for (const text of [
    '',
    '1 +',
    '1 2',
    '(1',
    '1)',
    '()',
    '* 2',
    '1 / 0',
    '2 ** 3',
    '7 // 2',
    '07',
    '1 + a',
    '2(3)',
    ')(',
  ])
    assert.equal(expressionValue(text), undefined, text);
  assert.equal(expressionValue(`${'('.repeat(1e5)}1${')'.repeat(1e5)}`), 1);
});

test('countdown: numbers once each, the target, and a tenth for the form', async () => {
  const fields = { numbers: [3, 5, 2], target: 11 };
  const score = async (completion: string, row: Readonly<Record<string, unknown>> = fields) =>
    (await countdown.grade({ completion, fields: row })).score;
  const cases: readonly (readonly [string, number])[] = [
    ['easy</think>\n<answer>3 * 2 + 5</answer>', 1.1],
    ['easy</think>\n<answer>3 + 5 + 2</answer>', 0.1],
    ['easy</think> <answer>3*2+5</answer>', 1.06],
    ['<answer>1</answer> <answer>(3*2)+5</answer>', 1.05],
    ['<answer>(3*2)+5</answer> <answer>11</answer>', 0.05],
    ['easy</think> 11', 0.01],
    ['<answer>3 * 2 + 5 = 11</answer>', 0.05],
    ['<answer>5 + 3 + 3</answer>', 0.05],
    ['11', 0],
  ];
  for (const [completion, expected] of cases)
    assert.ok(Math.abs(((await score(completion)) ?? NaN) - expected) < 1e-12, completion);
  assert.equal(await score('11', { numbers: [1], target: '11' }), null);
  assert.equal(await score('11', { numbers: 'many', target: 11 }), null);
  assert.equal(await score('x</think>\n<answer>1 + 1</answer>', { nums: [1, 1], target: 2 }), 1.1);
});

test('conciseness: how far the length is from that of the reference', async () => {
  const grade = (completion: string, reference?: string) => conciseness.grade({ completion, reference });
  assert.equal((await grade('Yes', 'No!')).score, 0);
  assert.equal((await grade('Yes, of course', 'Yes')).score, -11);
  assert.equal((await grade('', 'Yes')).score, -3);
  assert.equal((await grade('Yes')).score, null);
});

test('rewards are listed by their names', () => {
  for (const [name, reward] of Object.entries(namedRewards)) assert.equal(reward.name, name);
});
