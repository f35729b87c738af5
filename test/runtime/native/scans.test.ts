import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostScans, type WeightScans } from '../../../src/runtime/weightScans.ts';
import { loadNativeLibrary } from '../../../src/runtime/node/native-library.ts';
import { nativeScans } from '../../../src/runtime/node/nativeScans.ts';
import { narrowFromF32 } from '../../../src/runtime/storage.ts';
import { found } from './engines.ts';

const count = 3 * 16384 + 5;
const ways: readonly [string, () => WeightScans, string | false][] = [
  ['the host', hostScans, false],
  ['the native library', () => nativeScans(loadNativeLibrary(found.library ?? '')), found.missing],
];

/** Bits of all kinds, at an offset of their memory, without those that are not finite in bf16. */
function finite(): Float32Array {
  const bits = new Uint32Array(count + 1);
  for (let i = 0; i < bits.length; i++) {
    const value = Math.imul(i + 1, 2654435761) >>> 0;
    bits[i] = (value & 0x7fffffff) < 0x7f7f8000 ? value : i;
  }
  bits.set([0x3f808000, 0x3f818000, 0x3f808001, 0x7f7f7fff, 0xff7f7fff, 0x80000000, 1], 100);
  return new Float32Array(bits.buffer, 4);
}

for (const [name, open, skip] of ways) {
  test(`weights are rounded by ${name} as they are for files, none of them refused`, { skip }, async () => {
    const [values, scans] = [finite(), open()];
    const expected = new Uint16Array(count);
    narrowFromF32('bf16', values, new Uint8Array(expected.buffer));
    const halves = new Uint16Array(count + 1).subarray(1);
    assert.deepEqual(
      [await scans.round(values, halves), await scans.f32(values), await scans.bf16(halves)],
      [-1, -1, -1],
    );
    assert.deepEqual(halves, expected);
  });

  test(`the first weight that is not finite is found by ${name}`, { skip }, async () => {
    const scans = open();
    for (const [bits, inF32] of [
      [0x7fc00001, true],
      [0xff800000, true],
      [0x7f7f8000, false],
    ] as const)
      for (const place of [0, 4095, 4096, count - 1]) {
        const values = finite();
        const all = new Uint32Array(values.buffer, values.byteOffset, count);
        all[place] = all[count - 1] = bits;
        const halves = new Uint16Array(count);
        assert.equal(await scans.round(values, halves), place);
        assert.equal(await scans.f32(values), inF32 ? place : -1);
        if (!inF32) continue;
        halves.fill(0x3f80);
        halves[place] = bits >>> 16;
        assert.equal(await scans.bf16(halves), place);
      }
  });
}
