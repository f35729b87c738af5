import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockTypes } from '../../src/runtime/blocks.ts';
import { floatOfHalf } from '../../src/runtime/half.ts';
import { bytesOf, elementsIn, isWeightStorage } from '../../src/runtime/storage.ts';

test('every block type is a weight storage with whole blocks only', () => {
  for (const [type, { blockElements, blockBytes }] of Object.entries(blockTypes)) {
    const storage = type as keyof typeof blockTypes;
    assert.ok(isWeightStorage(storage));
    assert.equal(bytesOf(storage, 3 * blockElements), 3 * blockBytes);
    assert.equal(elementsIn(storage, 2 * blockBytes), 2 * blockElements);
    assert.throws(() => bytesOf(storage, blockElements + 1), /Expected a multiple of/);
  }
});

test('halves: one, the smallest, the largest, infinity', () => {
  assert.deepEqual(
    [0x3c00, 0x0001, 0x7bff, 0xfc00].map((half) => floatOfHalf[half]),
    [1, 2 ** -24, 65504, -Infinity],
  );
});
