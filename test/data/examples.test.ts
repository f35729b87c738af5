import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type ExampleStore, exampleStore, subsetOf, type TrainExample } from '../../src/data/examples.ts';
import { hashText } from '../../src/data/hash.ts';
import { scratchFile } from '../../src/hub/files-scratch.ts';

const root = mkdtempSync(join(tmpdir(), 'tuneloop-examples-'));
after(() => rmSync(root, { recursive: true }));

const made = (i: number): TrainExample => {
  const length = 1 + ((i * 37) % 90);
  return {
    index: 3 * i,
    ids: Int32Array.from({ length }, (_, t) => (i * 131 + t * 7) % 150_000),
    mask: Uint8Array.from({ length }, (_, t) => (t + i) % 2),
  };
};
const keysOf = (i: number) => ({
  text: hashText(`text ${i}`),
  ...(i % 2 === 0 ? { prompt: hashText(`prompt ${i}`) } : {}),
});

function filled(store: ExampleStore, count: number): ExampleStore {
  for (let i = 0; i < count; i++) store.add(made(i), keysOf(i));
  return store;
}

test('examples come back as they were, from memory and from a file, in any order', () => {
  const folder = join(root, 'new');
  const file = scratchFile(folder);
  const holdBytes = 20_000;
  const count = 3000;
  for (const store of [
    filled(exampleStore(), count),
    filled(exampleStore({ holdBytes, scratch: () => file }), count),
  ]) {
    assert.equal(store.count, count);
    for (let k = 0; k < count; k++) {
      const i = (k * 1237) % count;
      assert.deepEqual(store.at(i), made(i));
      assert.equal(store.lengthOf(i), made(i).ids.length);
      assert.equal(store.indexOf(i), 3 * i);
      assert.deepEqual(store.keysOf(i), keysOf(i));
    }
    assert.throws(() => store.at(count), /below 3000 but found 3000/);
  }
  // 3000 examples of 45 tokens are 540 kB.
  const bounded = filled(exampleStore({ holdBytes, scratch: () => file }), count);
  assert.ok(bounded.heldBytes() <= holdBytes, `${bounded.heldBytes()} bytes`);
  if (process.platform !== 'win32') assert.deepEqual(readdirSync(folder), [], 'the file has no name');
  file.close();
  assert.ok(!existsSync(folder), 'a folder that was made for it goes');
});

test('memory stays bounded for a file far larger than the bound', () => {
  const holdBytes = 1 << 20;
  const file = scratchFile(root);
  const store = exampleStore({ holdBytes, scratch: () => file });
  const ids = new Int32Array(2000).fill(7);
  const mask = new Uint8Array(2000);
  const before = process.memoryUsage().arrayBuffers;
  // 16,000 examples of 2,000 tokens: 128 MB, 122 times the bound.
  for (let i = 0; i < 16_000; i++) store.add({ index: i, ids, mask }, { text: [i, 0] });
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(store.heldBytes() <= holdBytes);
  assert.ok(grown < 8 * holdBytes, `${grown} bytes`);
  assert.equal(store.at(15_999).ids.length, 2000);
  file.close();
});

test('without a file what does not fit is counted and not kept', () => {
  const store = filled(exampleStore({ holdBytes: 4000 }), 1000);
  assert.equal(store.count, 1000);
  assert.deepEqual(store.at(0), made(0));
  assert.throws(() => store.at(900), /Expected a file for the tokens/);
  assert.equal(store.lengthOf(900), made(900).ids.length);
});

test('a classifier’s labels and token types come back too', () => {
  const store = exampleStore();
  const example = { ...made(1), tokenTypes: made(1).mask.map((bit) => 1 - bit), label: Float32Array.of(0, 1) };
  store.add(example, { text: [1, 2] });
  assert.deepEqual(store.at(0), example);
});

test('a subset keeps its order, lines and keys', () => {
  const subset = subsetOf(filled(exampleStore(), 10), Int32Array.of(7, 2));
  assert.equal(subset.count, 2);
  assert.deepEqual(
    [subset.at(0), subset.indexOf(1), subset.keysOf(1), subset.lengthOf(0)],
    [made(7), 6, keysOf(2), made(7).ids.length],
  );
  assert.throws(() => subset.at(2), RangeError);
});
