import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Batch, makeBatches, seededOrder } from '../../src/data/batches.ts';
import { makeCursor } from '../../src/data/cursor.ts';
import { examplesOf, type TrainExample } from '../../src/data/examples.ts';
import { mixedOrder } from '../../src/data/mix.ts';
import { packBestFit } from '../../src/data/packing.ts';

/** Example i has the ids 100 i, 100 i + 1, … and learns all but its first `unlearned` tokens. */
function example(i: number, length: number, unlearned = 0): TrainExample {
  return {
    index: i,
    ids: Int32Array.from({ length }, (_, t) => 100 * i + t),
    mask: Uint8Array.from({ length }, (_, t) => (t < unlearned ? 0 : 1)),
  };
}

test('targets are shifted, padding has neither segment nor weight', () => {
  const batch = makeBatches(examplesOf([example(1, 3, 2), example(2, 5)]), {
    batchSize: 2,
    padMultiple: 4,
    padId: 7,
  }).at(0, 0);
  const { ids, targets, weights, positions, segments, ...rest } = batch;
  assert.deepEqual(rest, { batch: 2, length: 8, tokens: 8, supervisedTokens: 5, rowIndexes: [[1], [2]] });
  assert.deepEqual([...ids], [100, 101, 102, 7, 7, 7, 7, 7, 200, 201, 202, 203, 204, 7, 7, 7]);
  assert.deepEqual([...targets], [101, 102, 0, 0, 0, 0, 0, 0, 201, 202, 203, 204, 0, 0, 0, 0]);
  assert.deepEqual([...weights], [0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]);
  assert.deepEqual([...positions], [0, 1, 2, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0]);
  assert.deepEqual([...segments], [0, 0, 0, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, -1, -1, -1]);
});

test('a packed row learns nothing across its segments', () => {
  const batches = makeBatches(examplesOf([example(1, 2), example(2, 5), example(3, 3)]), {
    batchSize: 1,
    padMultiple: 4,
    packLength: 8,
  });
  assert.equal(batches.batchesPerEpoch, 2);
  const { ids, targets, weights, positions, segments, ...rest } = batches.at(0, 0);
  assert.deepEqual(rest, { batch: 1, length: 8, tokens: 8, supervisedTokens: 6, rowIndexes: [[2, 3]] });
  assert.deepEqual([...ids], [200, 201, 202, 203, 204, 300, 301, 302]);
  assert.deepEqual([...targets], [201, 202, 203, 204, 0, 301, 302, 0]);
  assert.deepEqual([...weights], [1, 1, 1, 1, 0, 1, 1, 0]);
  assert.deepEqual([...positions], [0, 1, 2, 3, 4, 0, 1, 2]);
  assert.deepEqual([...segments], [0, 0, 0, 0, 0, 1, 1, 1]);
  assert.throws(
    () => makeBatches(examplesOf([example(1, 9)]), { batchSize: 1, packLength: 8 }),
    /at most 8 tokens to pack but found 9 at input line 2/,
  );
});

test('rows of like length stand together where asked, the longest first, those of one length in the order of the epoch', () => {
  const lengths = [2, 9, 3, 8, 2, 9, 1];
  const options = { batchSize: 2, padMultiple: 2, order: seededOrder(5) };
  const examples = examplesOf(lengths.map((length, i) => example(i, length)));
  const [mixed, sorted] = [makeBatches(examples, options), makeBatches(examples, { ...options, byLength: true })];
  const rowsOf = (batches: typeof sorted, epoch: number): number[] =>
    [0, 1, 2, 3].flatMap((position) => batches.at(epoch, position).rowIndexes.flat());
  for (const epoch of [0, 1]) {
    const byHand = rowsOf(mixed, epoch).toSorted((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0));
    assert.deepEqual(rowsOf(sorted, epoch), byHand);
    assert.notDeepEqual(rowsOf(sorted, epoch), rowsOf(mixed, epoch));
  }
  assert.deepEqual(
    [0, 1, 2, 3].map((position) => sorted.at(0, position).length),
    [10, 8, 2, 2],
  );
  assert.deepEqual(sorted.sizeOf(0), { tokens: 34, cells: 2 * 10 + 2 * 8 + 2 * 2 + 2 });
});

test('best-fit decreasing fills the fullest bin that has room', () => {
  assert.deepEqual(packBestFit([5, 2, 3, 1], 5), [[0], [2, 1], [3]]);
  assert.deepEqual(packBestFit([4, 2, 3, 1], 4), [[0], [2, 3], [1]]);
  assert.deepEqual(packBestFit([6, 5, 4, 3, 2], 10), [
    [0, 2],
    [1, 3, 4],
  ]);
  assert.deepEqual(packBestFit([3, 3, 1, 1], 4), [
    [0, 2],
    [1, 3],
  ]);
  assert.throws(() => packBestFit([0], 4), RangeError);
  assert.throws(() => packBestFit([5], 4), RangeError);
  const lengths = Array.from({ length: 3000 }, (_, i) => 1 + ((i * 7919) % 512));
  const bins = packBestFit(lengths, 1024);
  assert.deepEqual(
    bins.flat().sort((a, b) => a - b),
    lengths.map((_length, i) => i),
  );
  const filled = bins.map((bin) => bin.reduce((sum, i) => sum + (lengths[i] ?? 0), 0));
  assert.ok(Math.max(...filled) <= 1024);
  assert.equal(bins.length, Math.ceil(lengths.reduce((sum, length) => sum + length, 0) / 1024));
});

const many = Array.from({ length: 23 }, (_, i) => example(i, 2 + ((i * 5) % 11), i % 2));
const options = { batchSize: 4, padMultiple: 8, order: seededOrder(42) };

test('every epoch holds every row once, in an order of its own', () => {
  const batches = makeBatches(examplesOf(many), options);
  const epoch = (number: number): number[] =>
    Array.from({ length: batches.batchesPerEpoch }, (_, i) => batches.at(number, i).rowIndexes.flat()).flat();
  const [first, second] = [epoch(0), epoch(1)];
  assert.notDeepEqual(first, second);
  assert.deepEqual(epoch(0), first);
  for (const order of [first, second])
    assert.deepEqual(
      order.toSorted((a, b) => a - b),
      many.map((_row, i) => i),
    );
  assert.notDeepEqual(
    makeBatches(examplesOf(many), { ...options, order: seededOrder(7) }).at(0, 0).rowIndexes,
    batches.at(0, 0).rowIndexes,
  );
  assert.equal(batches.at(0, 5).batch, 3);
  assert.equal(batches.longest, 16);
  assert.throws(() => batches.at(0, 6), RangeError);
});

test('a window counts the learned tokens of all its batches, the short last one too', () => {
  const cursor = makeCursor(makeBatches(examplesOf(many), options), 4);
  assert.equal(cursor.windowsPerEpoch, 2);
  const windows = [cursor.next(), cursor.next(), cursor.next()];
  assert.deepEqual(
    windows.map(({ batches, epoch, endsEpoch }) => [batches.length, epoch, endsEpoch]),
    [
      [4, 0, false],
      [2, 0, true],
      [4, 1, false],
    ],
  );
  for (const { batches, tokens, supervisedTokens } of windows) {
    assert.equal(
      tokens,
      batches.reduce((sum, batch) => sum + batch.tokens, 0),
    );
    assert.equal(
      supervisedTokens,
      batches.flatMap(({ weights }) => [...weights]).reduce((a, b) => a + b, 0),
    );
  }
  const learned = many.reduce((sum, { mask }) => sum + mask.subarray(1).reduce((a, b) => a + b, 0), 0);
  assert.equal((windows[0]?.supervisedTokens ?? 0) + (windows[1]?.supervisedTokens ?? 0), learned);
});

test('a cursor goes on exactly where it was saved', () => {
  const rowsOf = (batches: Batch[]): number[][][] => batches.map(({ rowIndexes }) => rowIndexes);
  const unbroken = makeCursor(makeBatches(examplesOf(many), options), 2);
  const seen = Array.from({ length: 7 }, () => rowsOf(unbroken.next().batches));
  for (let stop = 0; stop < 7; stop++) {
    const before = makeCursor(makeBatches(examplesOf(many), options), 2);
    for (let i = 0; i < stop; i++) before.next();
    const after = makeCursor(makeBatches(examplesOf(many), options), 2);
    after.load(JSON.parse(JSON.stringify(before.save())));
    assert.deepEqual(rowsOf(after.next().batches), seen[stop]);
  }
  for (const state of [
    null,
    {},
    { version: 2, epoch: 0, position: 0 },
    { version: 1, epoch: -1, position: 0 },
    { version: 1, epoch: 0, position: 6 },
  ]) {
    assert.throws(() => unbroken.load(state), RangeError);
  }
});

test('an epoch says how much of it is padding', () => {
  const batches = makeBatches(examplesOf([example(1, 3), example(2, 5), example(3, 9)]), {
    batchSize: 2,
    padMultiple: 4,
  });
  assert.deepEqual(batches.sizeOf(0), { tokens: 17, cells: 16 + 12 });
});

test('several data sets are packed each by itself and mixed by weight', () => {
  const examples = examplesOf([...Array.from({ length: 4 }, (_, i) => example(i, 4)), example(10, 4), example(11, 4)]);
  const batches = makeBatches(examples, {
    batchSize: 1,
    packLength: 8,
    padMultiple: 8,
    parts: [4, 2],
    order: mixedOrder({ weights: [1, 2] }),
  });
  const rows = Array.from({ length: batches.batchesPerEpoch }, (_, i) => batches.at(0, i).rowIndexes[0]);
  assert.deepEqual(rows, [
    [0, 1],
    [10, 11],
    [2, 3],
    [10, 11],
  ]);
  assert.throws(() => makeBatches(examples, { batchSize: 1, parts: [6, 0] }), /at least one example of each data set/);
});
