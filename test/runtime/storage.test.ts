import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { bytesOf, narrowFromF32, widenToF32 } from '../../src/runtime/storage.ts';
import type { WeightStorage } from '../../src/runtime/storage.ts';
import { buildGraph, input, parameter } from '../../src/ir/graph.ts';
import { linear } from '../../src/ir/ops/linear.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { blockTypes } from '../../src/runtime/blocks.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { weightStore } from '../../src/runtime/weights.ts';
import { engines } from './engines.ts';
import { castSource, elementCountOf, f32Source, memorySource, tensorSource } from '../../src/runtime/tensor-source.ts';

interface Fixture {
  readonly widen: Readonly<Record<Exclude<WeightStorage, 'f32'>, { bytes: string; values: string }>>;
  readonly narrow: { readonly values: string; readonly f16: string; readonly bf16: string };
}

const fixture = JSON.parse(await readFile(new URL('../fixtures/storage.json', import.meta.url), 'utf8')) as Fixture;
const bytesOfHex = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(hex, 'hex'));
const floatsOfHex = (hex: string): Float32Array<ArrayBuffer> => new Float32Array(bytesOfHex(hex).buffer);
const bits = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);

for (const [storage, { bytes, values }] of Object.entries(fixture.widen)) {
  test(`${storage} widens to the very floats of the reference`, () => {
    const stored = bytesOfHex(bytes);
    const expected = floatsOfHex(values);
    const out = new Float32Array(expected.length);
    widenToF32(storage as WeightStorage, stored, out);
    assert.deepEqual(bits(out), bits(expected));
    const shifted = new Uint8Array(stored.length + 1);
    shifted.set(stored, 1);
    out.fill(0);
    widenToF32(storage as WeightStorage, shifted.subarray(1), out);
    assert.deepEqual(bits(out), bits(expected), 'from an odd address');
  });
}

for (const storage of ['f16', 'bf16'] as const) {
  test(`${storage} rounds as torch does`, () => {
    const values = floatsOfHex(fixture.narrow.values);
    const expected = bytesOfHex(fixture.narrow[storage]);
    const out = new Uint8Array(expected.length + 1);
    narrowFromF32(storage, values, out.subarray(1));
    assert.deepEqual(out.subarray(1), expected);
    narrowFromF32(storage, values, out.subarray(0, -1));
    assert.deepEqual(out.subarray(0, -1), expected);
  });

  test(`every ${storage} survives the way to f32 and back`, () => {
    const stored = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);
    const floats = new Float32Array(65536);
    widenToF32(storage, stored, floats);
    const back = new Uint8Array(stored.length);
    narrowFromF32(storage, floats, back);
    const found = new Uint16Array(back.buffer);
    for (let i = 0; i < 65536; i++) {
      if (Number.isNaN(floats[i]))
        assert.equal(found[i], (storage === 'f16' ? 0x7e00 : 0x7fc0) | (0x8000 & (found[i] ?? 0)));
      else assert.equal(found[i], i);
    }
  });
}

test('NaN becomes NaN and nothing else does', () => {
  const values = Float32Array.of(NaN, 1, -Infinity);
  for (const storage of ['f16', 'bf16'] as const) {
    const stored = new Uint8Array(6);
    narrowFromF32(storage, values, stored);
    const back = new Float32Array(3);
    widenToF32(storage, stored, back);
    assert.deepEqual([...back], [NaN, 1, -Infinity]);
  }
});

test('sizes that are not whole blocks, and integers as weights, are refused', () => {
  assert.equal(bytesOf('q4_1', 64), 40);
  assert.throws(() => bytesOf('q4_0', 33), RangeError);
  assert.throws(() => widenToF32('q8_0', new Uint8Array(33), new Float32Array(32)), RangeError);
  assert.throws(() => widenToF32('f16', new Uint8Array(4), new Float32Array(3)), RangeError);
  assert.throws(() => widenToF32('i64', new Uint8Array(8), new Float32Array(1)), TypeError);
  assert.throws(() => narrowFromF32('q8_0', new Float32Array(32), new Uint8Array(34)), TypeError);
});

test('a shape whose product is past 2^53 or not of sizes is refused', () => {
  assert.equal(elementCountOf([]), 1);
  assert.equal(elementCountOf([3, 0, 2]), 0);
  for (const shape of [[2 ** 30, 2 ** 30], [-1], [1.5], [NaN]]) assert.throws(() => elementCountOf(shape), RangeError);
});

test('a source reads in chunks, casts, and notices a stream of the wrong length', async () => {
  const values = Float32Array.from({ length: 700_000 }, (_, i) => i / 7);
  const source = f32Source('w', [700, 1000], values);
  const out = new Float32Array(values.length);
  await source.readF32(out);
  assert.deepEqual(out, values);
  assert.equal((await source.read()).byteLength, source.byteLength);

  const half = castSource(source, 'bf16');
  assert.equal(half.byteLength, source.byteLength / 2);
  const expected = new Uint8Array(half.byteLength);
  narrowFromF32('bf16', values, expected);
  assert.deepEqual(await half.read(), expected);

  const short = tensorSource('w', [4], 'f32', () => memorySource('w', [3], 'f32', new Uint8Array(12)).chunks());
  await assert.rejects(short.read(), /Expected 16 bytes of tensor w but found 12/);
  const long = tensorSource('w', [2], 'f32', () => memorySource('w', [3], 'f32', new Uint8Array(12)).chunks());
  await assert.rejects(long.readF32(new Float32Array(2)), /Expected 8 bytes of tensor w but found 12/);
  await assert.rejects(
    memorySource('ids', [1], 'i64', new Uint8Array(8)).readF32(new Float32Array(1)),
    /tensor ids.*i64/,
  );
});

for (const engine of engines) {
  test(`${engine.name}: a program reads weights of every storage type, and refuses what are none by name`, async () => {
    const store = weightStore();
    const stored = Object.keys(blockTypes).map((name) => {
      const storage = name as keyof typeof blockTypes;
      const { bytes, values } = fixture.widen[storage];
      return { storage, bytes: bytesOfHex(bytes), expected: floatsOfHex(values) };
    });
    // The fixture's 16-bit values hold infinities, which no program takes.
    const halves = (['f16', 'bf16'] as const).map((storage) => {
      const expected = Float32Array.from({ length: 64 }, (_, i) => (i - 31) / 8);
      const bytes = new Uint8Array(128);
      narrowFromF32(storage, expected, bytes);
      return { storage, bytes, expected };
    });
    for (const { storage, bytes, expected } of [...stored, ...halves]) {
      const width = expected.length / 2;
      const weight = store.add(memorySource(`w ${storage}`, [2, width], storage, bytes));
      const w = parameter('w', [2, width]);
      const program = await engine.load(buildGraph({ y: linear(input('x', 'f32', [1, width]), w), twice: mul(w, 2) }));
      program.bind('w', weight);
      const { y, twice } = await program.run({ x: tensor('f32', [1, width], new Float32Array(width).fill(1)) });
      program.release();
      assert.deepEqual(
        twice?.data,
        expected.map((value) => 2 * value),
        storage,
      );
      for (const row of [0, 1]) {
        const sum = expected.slice(row * width, (row + 1) * width).reduce((a, b) => a + b, 0);
        assert.ok(Math.abs((y?.data[row] ?? 0) - sum) < 1e-3 * (1 + Math.abs(sum)), storage);
      }
    }
    for (const storage of ['i8', 'u8', 'i64'] as const) {
      const weight = store.add(memorySource(`codes ${storage}`, [1, 1], storage, new Uint8Array(8)));
      const program = await engine.load(buildGraph({ y: mul(parameter('w', [1, 1]), 2) }));
      program.bind('w', weight);
      await assert.rejects(program.run({}), new RegExp(`codes ${storage}.*${storage}`));
      program.release();
    }
  });
}
