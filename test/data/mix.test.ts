import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mixedOrder } from '../../src/data/mix.ts';

const countOf = (rows: Iterable<number>): Map<number, number> => {
  const counts = new Map<number, number>();
  for (const row of rows) counts.set(row, (counts.get(row) ?? 0) + 1);
  return counts;
};

test('in order, data sets are interleaved evenly by how often an epoch goes through each', () => {
  const order = mixedOrder({ weights: [1, 3] })([4, 4]);
  assert.equal(order.perEpoch, 16);
  assert.deepEqual([...order.at(0)], [4, 0, 5, 6, 7, 1, 4, 5, 6, 2, 7, 4, 5, 3, 6, 7]);
  assert.deepEqual([...order.at(1)], [...order.at(0)]);
  assert.deepEqual([...mixedOrder()([3]).at(5)], [0, 1, 2]);
});

test('a share of a data set goes on in the next epoch where it ended', () => {
  const order = mixedOrder({ weights: [0.5, 1] })([6, 2]);
  const firsts = [0, 1, 2].map((epoch) => [...order.at(epoch)].filter((row) => row < 6));
  assert.deepEqual(firsts, [
    [0, 1, 2],
    [3, 4, 5],
    [0, 1, 2],
  ]);
  const shuffled = mixedOrder({ seed: 1, weights: [0.4] })([10]);
  const seen = countOf([0, 1, 2, 3, 4].flatMap((epoch) => [...shuffled.at(epoch)]));
  assert.deepEqual(
    [...seen.values()],
    Array.from({ length: 10 }, () => 2),
    'every row as often as any other',
  );
});

test('shuffled, an epoch holds each row by its weight, in an order that the seed decides', () => {
  const order = mixedOrder({ seed: 42, weights: [2, 1, 0.5] })([5, 3, 4]);
  assert.equal(order.perEpoch, 15);
  const epoch = [...order.at(3)];
  const counts = countOf(epoch);
  for (let row = 0; row < 8; row++) assert.equal(counts.get(row), row < 5 ? 2 : 1);
  assert.equal(epoch.filter((row) => row >= 8).length, 2);
  assert.deepEqual([...order.at(3)], epoch);
  assert.notDeepEqual([...order.at(4)], epoch);
  assert.notDeepEqual([...mixedOrder({ seed: 43, weights: [2, 1, 0.5] })([5, 3, 4]).at(3)], epoch);
  assert.throws(() => mixedOrder({ weights: [1] })([1, 2]), /Expected 2 weights/);
  assert.throws(() => mixedOrder({ weights: [0] })([1]), /positive weight but found 0/);
});
