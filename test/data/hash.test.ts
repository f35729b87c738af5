import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hash64, hashIndex, hashText } from '../../src/data/hash.ts';

test('different keys have different hashes, in both words', () => {
  const index = hashIndex();
  const [highs, lows] = [new Set<number>(), new Set<number>()];
  const count = 100_000;
  for (let i = 0; i < count; i++) {
    const hash = hashText(`row ${i}`);
    assert.equal(index.add(hash, i), -1);
    highs.add(hash[0]);
    lows.add(hash[1]);
  }
  // Of n words of 32 bits about n²/2^33 are alike: 1.2 expected.
  assert.ok(count - highs.size < 12 && count - lows.size < 12, `${highs.size} ${lows.size}`);
  for (let i = 0; i < count; i += 777) {
    assert.equal(index.find(hashText(`row ${i}`)), i);
    assert.equal(index.add(hashText(`row ${i}`), 5), i, 'the first stays');
  }
  assert.equal(index.find(hashText('another')), -1);
});

test('length, order and each word count', () => {
  const of = (...words: number[]): string => hash64(words.length, (i) => words[i] ?? 0).join();
  const all = [of(), of(0), of(0, 0), of(1, 0), of(0, 1), of(1), of(2 ** 31), of(2 ** 32 - 1)];
  assert.equal(new Set(all).size, all.length);
});
