import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { randomKey } from '../../../src/ir/random.ts';
import { fillPool } from '../../../src/runtime/node/fill-pool.ts';
import { randomPool } from '../../../src/runtime/node/random-pool.ts';
import { pieceLength, randomService } from '../../../src/runtime/random.ts';

const threads = 2;
const pool = fillPool(threads);
const { fill } = pool;
after(() => pool.close());

test('buffers that are filled at once hold the numbers of their own keys, whole', async () => {
  const [own, here] = [randomPool(pool, threads), randomService()];
  // Adapters fill all of their values at once; these are of several pieces each, and of several rounds.
  const buffers = Array.from({ length: 24 }, (_, i) => new Float32Array((1 + (i % 5)) * pieceLength + 7));
  await Promise.all(buffers.map((buffer, i) => own.fillNormal(buffer, randomKey(3, 'buffer', i))));
  for (const [i, buffer] of buffers.entries()) {
    const expected = new Float32Array(buffer.length);
    await here.fillNormal(expected, randomKey(3, 'buffer', i));
    assert.ok(Buffer.from(buffer.buffer).equals(Buffer.from(expected.buffer)), `buffer ${i}`);
  }
});

test('a thread that fails fails what waits for it, and the next task starts new ones', async () => {
  const out = new Float32Array(new SharedArrayBuffer(16));
  const good = { distribution: 'uniform', key: randomKey(1, 'x'), start: 0, out } as const;
  const bad = { ...good, key: undefined } as unknown as typeof good;
  // Both threads fail: the second one says so when the first has ended the pool.
  for (let round = 0; round < 5; round++) {
    await Promise.all([
      assert.rejects(fill([bad, bad, bad]), /of undefined/),
      assert.rejects(fill(Array.from({ length: 9 }, () => good)), /of undefined/),
    ]);
    await fill([good, good, good]);
  }
  assert.ok(out.every((value) => value > 0 && value < 1));
});
