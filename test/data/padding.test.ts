import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paddedLength } from '../../src/data/padding.ts';

test('rows are padded by less than an eighth, by one of eight lengths for each doubling', () => {
  const found = Array.from({ length: 4096 }, (_, i) => paddedLength(i + 1));
  assert.deepEqual([paddedLength(0), paddedLength(1), paddedLength(16), paddedLength(17)], [16, 16, 16, 32]);
  assert.deepEqual([128, 129, 256, 257, 513, 1025].map(paddedLength), [128, 144, 256, 288, 576, 1152]);
  found.forEach((length, i) => {
    assert.ok(length >= i + 1 && length < (i + 1) * 1.125 + 16, `${i + 1} tokens in ${length} places`);
    assert.equal(length % 16, 0);
    assert.equal(paddedLength(length), length);
    if (i >= 128) assert.ok(length < (i + 1) * 1.125, `${i + 1} tokens in ${length} places`);
  });
  for (const longest of [256, 512, 1024, 2048])
    assert.equal(new Set(found.slice(longest, 2 * longest)).size, 8, `after ${longest}`);
});
