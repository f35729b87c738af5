import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { fingerprintOf } from '../../src/hub/fingerprint.ts';
import { memorySource, tensorSource } from '../../src/runtime/tensor-source.ts';

function bytes(length: number, seed: number): Uint8Array {
  const values = new Uint8Array(length);
  for (let i = 0; i < length; i++) values[i] = i * 31 + seed + (i >>> 12);
  return values;
}

for (const [kind, count] of [
  ['small', 1000],
  ['large', 9_000_001],
] as const)
  test(`the fingerprint of a ${kind} model is SHA-256 over heads and bytes in the order of names`, async () => {
    const [b, a] = [bytes(4 * count, 1), bytes(12, 2)];
    const sources = [memorySource('b', [count], 'f32', b), memorySource('a', [3], 'f32', a)];
    const hash = createHash('sha256');
    hash.update(`${JSON.stringify(['a', [3], 'f32', 12])}\n`).update(a);
    hash.update(`${JSON.stringify(['b', [count], 'f32', 4 * count])}\n`).update(b);
    assert.equal(await fingerprintOf(sources), hash.digest('hex'));
  });

test('what goes wrong while a large model is read is said', async () => {
  const broken = tensorSource('w', [9_000_000], 'f32', async function* () {
    yield new Uint8Array(2 ** 20);
    throw new Error('the disk is gone');
  });
  await assert.rejects(fingerprintOf([broken]), /the disk is gone/);
});
