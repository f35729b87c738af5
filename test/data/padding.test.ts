import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paddedLength } from '../../src/data/padding.ts';

const lengths = (slowToLoad: boolean): number[] =>
  Array.from({ length: 4096 }, (_, i) => paddedLength(i + 1, { slowToLoad }));

test('rows are padded by less than an eighth, by one of eight lengths for each doubling', () => {
  const found = lengths(false);
  assert.deepEqual(
    [0, 1, 16, 17, 128, 129, 256, 257, 513, 1025].map((longest) => paddedLength(longest, {})),
    [16, 16, 16, 32, 128, 144, 256, 288, 576, 1152],
  );
  found.forEach((length, i) => {
    assert.ok(length >= i + 1 && length < i + 1 + 16 + (i + 1) / 8, `${i + 1} tokens in ${length} places`);
    assert.equal(length % 16, 0);
    assert.equal(paddedLength(length, {}), length);
    if (i >= 128) assert.ok(length < (i + 1) * 1.125, `${i + 1} tokens in ${length} places`);
  });
  for (const longest of [256, 512, 1024, 2048])
    assert.equal(new Set(found.slice(longest, 2 * longest)).size, 8, `after ${longest}`);
});

test('where programs are slow to load there are fewer lengths above 64, never shorter ones', () => {
  const [fine, coarse] = [lengths(false), lengths(true)];
  assert.deepEqual(coarse.slice(0, 64), fine.slice(0, 64));
  assert.deepEqual([...new Set(coarse.slice(64, 512))], [128, 192, 256, 320, 384, 448, 512]);
  coarse.forEach((length, i) => assert.ok(length >= (fine[i] ?? 0), `${i + 1} tokens in ${length} places`));
});
