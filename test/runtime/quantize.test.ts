import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { blockStorages, quantizeFromF32 } from '../../src/runtime/quantize.ts';
import { bytesOf, widenToF32 } from '../../src/runtime/storage.ts';
import { castSource, f32Source } from '../../src/runtime/tensor-source.ts';

const hex = JSON.parse(await readFile(new URL('../fixtures/quantize.json', import.meta.url), 'utf8')) as Record<
  'values' | 'q8_0' | 'q4_0',
  string
>;
const values = new Float32Array(Uint8Array.from(Buffer.from(hex.values, 'hex')).buffer);

for (const storage of blockStorages) {
  const expected = Uint8Array.from(Buffer.from(hex[storage], 'hex'));

  test(`${storage} blocks are those of the gguf package`, () => {
    const out = new Uint8Array(expected.length);
    quantizeFromF32(storage, values, out);
    assert.deepEqual(out, expected);
  });

  test(`${storage}: a tensor source is rounded chunk by chunk to the same blocks`, async () => {
    const cast = castSource(f32Source('w', [8, 32], values), storage);
    assert.equal(cast.byteLength, bytesOf(storage, values.length));
    assert.deepEqual(await cast.read(), expected);
  });

  test(`${storage}: no element is further off than half a step`, () => {
    const widened = new Float32Array(values.length);
    widenToF32(storage, expected, widened);
    for (let row = 0; row < 8; row++) {
      // Row 3 is so small that its scale is among f16's subnormals.
      if (row === 3) continue;
      const block = values.subarray(row * 32, row * 32 + 32);
      const step = Math.max(...block.map(Math.abs)) / (storage === 'q8_0' ? 127 : 8);
      const worst = Math.max(...block.map((x, i) => Math.abs(x - (widened[row * 32 + i] ?? 0))));
      // q4_0 has no level for the other end of the range; scales are rounded to f16.
      assert.ok(worst <= step * (storage === 'q8_0' ? 0.57 : 1.01) + 1e-7, `row ${row}: ${worst / step} steps`);
    }
  });
}

test('values that are no whole blocks and room of another size are refused', () => {
  assert.throws(() => quantizeFromF32('q8_0', new Float32Array(33), new Uint8Array(34)), /multiple of 32/);
  assert.throws(() => quantizeFromF32('q4_0', new Float32Array(32), new Uint8Array(17)), /room for 18 bytes/);
});
