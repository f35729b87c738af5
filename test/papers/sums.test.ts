import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomFacts } from '../../src/papers/facts.ts';
import { makeSums } from '../../src/papers/sums.ts';

const valueOf = (completion: string): number => Number(/(\d+)\.$/.exec(completion)?.[1]);
const termsOf = (prompt: string): number[] => (prompt.match(/\d+/g) ?? []).map(Number);

test('sums are worked out, asked once, and wrong where they should be', () => {
  const options = { train: 400, held: 100, terms: 3, limit: 13, corrupted: 0.15, seed: 3 };
  const { train, held } = makeSums(options);
  assert.deepEqual(makeSums(options), { train, held });
  assert.equal(new Set([...train, ...held].map(({ prompt }) => prompt)).size, 500);
  const isWrong = ({ prompt, completion }: { prompt: string; completion: string }): boolean =>
    valueOf(completion) !== termsOf(prompt).reduce((sum, number) => sum + number, 0);
  assert.ok(!held.some(isWrong));
  const wrong = train.filter(isWrong).length;
  // Four standard deviations of 400 draws of 0.15.
  assert.ok(Math.abs(wrong - 60) < 29, `${wrong}`);
  assert.throws(() => makeSums({ ...options, limit: 3 }), /Expected 500 different sums of 3 numbers below 3 but found/);
});

test('random facts are the same for a seed and others for another', () => {
  assert.deepEqual(randomFacts(20, 1), randomFacts(20, 1));
  assert.notDeepEqual(randomFacts(20, 1), randomFacts(20, 2));
  assert.equal(new Set(randomFacts(60, 1).map(({ prompt }) => prompt)).size, 60);
});
