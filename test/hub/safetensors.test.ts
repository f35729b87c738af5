import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { memoryFile } from '../../src/hub/byte-file.ts';
import { readSafetensors, safetensorsBytes } from '../../src/hub/safetensors.ts';
import type { Safetensors } from '../../src/hub/safetensors.ts';
import { f32Source, memorySource } from '../../src/runtime/tensor-source.ts';
import { concat } from './gguf-bytes.ts';

const fileOf = (header: string, dataBytes: number, length = header.length): Uint8Array =>
  concat([
    new Uint8Array(BigUint64Array.of(BigInt(length)).buffer),
    new TextEncoder().encode(header),
    new Uint8Array(dataBytes),
  ]);
const readBytes = (bytes: Uint8Array): Promise<Safetensors> => readSafetensors(memoryFile('x.safetensors', bytes));
const readHeader = (header: unknown, dataBytes: number): Promise<Safetensors> =>
  readBytes(fileOf(JSON.stringify(header), dataBytes));

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk.slice());
  return concat(parts);
}

for (const name of [
  'models/default/model',
  'models/bf16/model',
  'lora/patterns/adapter_model',
  'lora/all-linear/adapter_model',
]) {
  test(`${name} written again is the same file, byte for byte`, async () => {
    const bytes = await readFile(new URL(`../fixtures/${name}.safetensors`, import.meta.url));
    const { tensors, metadata } = await readBytes(bytes);
    assert.deepEqual(metadata, { format: 'pt' });
    assert.ok(tensors.size > 1);
    assert.deepEqual(await gather(safetensorsBytes([...tensors.values()].reverse())), new Uint8Array(bytes));
  });
}

test('scalars, empty tensors and integers are read', async () => {
  const { tensors } = await readHeader(
    {
      scalar: { dtype: 'F32', shape: [], data_offsets: [0, 4] },
      empty: { dtype: 'F16', shape: [0, 8], data_offsets: [4, 4] },
      ids: { dtype: 'I64', shape: [1], data_offsets: [4, 12] },
    },
    12,
  );
  assert.deepEqual(
    [...tensors.values()].map(({ name, storage, byteLength }) => [name, storage, byteLength]),
    [
      ['scalar', 'f32', 4],
      ['empty', 'f16', 0],
      ['ids', 'i64', 8],
    ],
  );
  await assert.rejects(async () => tensors.get('ids')?.readF32(new Float32Array(1)), /tensor ids but found i64/);
  assert.equal((await tensors.get('empty')?.read())?.byteLength, 0);
});

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]): unknown => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

test('a header that lies is refused with file and tensor', async () => {
  const cases: [unknown, number, RegExp][] = [
    [{ a: f32(0, 8), b: f32(4, 12) }, 12, /x\.safetensors: expected tensor b to begin at 8 of the data but found 4/],
    [{ a: f32(0, 8), b: f32(12, 16) }, 16, /expected tensor b to begin at 8 of the data but found 12/],
    [{ a: f32(4, 8) }, 8, /expected tensor a to begin at 0/],
    [{ a: f32(0, 8) }, 12, /expected 8 bytes of data, as the header says, but found 12/],
    [{ a: f32(0, 8) }, 4, /expected 8 bytes of data, as the header says, but found 4/],
    [{ a: f32(0, 8, [3]) }, 8, /tensor a: expected 12 bytes for F32 \[3\] but found 8/],
    [{ a: f32(0, 8, [2 ** 30, 2 ** 30]) }, 8, /tensor a: .*too many elements/],
    [{ a: f32(0, 8, [-2]) }, 8, /tensor a: expected a shape of sizes but found \[-2\]/],
    [{ a: f32(8, 0, [2]) }, 8, /tensor a: expected data_offsets/],
    [{ a: { dtype: 'F32', shape: [2], data_offsets: [0] } }, 8, /tensor a: expected data_offsets/],
    [
      { a: { dtype: 'F8_E4M3', shape: [8], data_offsets: [0, 8] } },
      8,
      /tensor a: expected a dtype of F64.* but found "F8_E4M3"/,
    ],
    [{ a: { dtype: 'Q9', shape: [8], data_offsets: [0, 8] } }, 8, /found "Q9"/],
    [{ a: { shape: [2], data_offsets: [0, 8] } }, 8, /found nothing/],
    [{ a: null }, 0, /tensor a: expected an object but found null/],
    [{ __metadata__: { format: 1 } }, 0, /__metadata__\.format: expected a string/],
    [[1], 0, /header: expected an object/],
  ];
  for (const [header, dataBytes, message] of cases) await assert.rejects(readHeader(header, dataBytes), message);
});

test('a name that stands twice is refused, where it could hide a tensor', async () => {
  const entry = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
  await assert.rejects(readBytes(fileOf(`{"a":${entry},"a":${entry}}`, 4)), /found a twice/);
  await assert.rejects(readBytes(fileOf(`{"a":${entry},"\\u0061":${entry}}`, 4)), /found a twice/);
  const twice = '{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}';
  await assert.rejects(readBytes(fileOf(`{"a":${twice}}`, 4)), /found dtype twice/);
});

test('a truncated file or a lying header length is refused before anything is allocated', async () => {
  const whole = fileOf(JSON.stringify({ a: f32(0, 8) }), 8);
  for (const length of [0, 4, 7, 8, 20, whole.length - 1]) {
    await assert.rejects(
      readBytes(whole.subarray(0, length)),
      /^(Range|Syntax)Error: x\.safetensors: expected/,
      `${length}`,
    );
  }
  await assert.rejects(readBytes(fileOf('{}', 0, 2 ** 40)), /found a length of 1099511627776/);
  await assert.rejects(readBytes(fileOf('{', 0)), SyntaxError);
  await assert.rejects(readBytes(fileOf('{"a', 0, 3).with(9, 0xff)), /header in UTF-8/);
});

test('what safetensors cannot hold, or holds twice, is not written', async () => {
  const blocks = memorySource('q', [32], 'q8_0', new Uint8Array(34));
  await assert.rejects(gather(safetensorsBytes([blocks])), /Tensor q: safetensors cannot hold q8_0/);
  const one = f32Source('a', [1], Float32Array.of(1));
  await assert.rejects(gather(safetensorsBytes([one, one])), /found a twice/);
});

test('large tensors are read through few buffers, side by side too', async () => {
  const count = 700_000;
  const wanted = [1, 2].map((seed) => Float32Array.from({ length: count }, (_, i) => i * seed));
  const sources = wanted.map((values, i) => f32Source(`w${i}`, [count], values));
  const { tensors } = await readBytes(await gather(safetensorsBytes(sources)));
  const buffers = new Set<ArrayBufferLike>();
  const valuesOf = async (name: string): Promise<Float32Array> => {
    const source = tensors.get(name) ?? assert.fail();
    const parts: Uint8Array[] = [];
    for await (const chunk of source.chunks()) {
      buffers.add(chunk.buffer);
      parts.push(chunk.slice());
    }
    return new Float32Array(concat(parts).buffer);
  };
  assert.deepEqual([await valuesOf('w0'), await valuesOf('w1')], wanted);
  assert.equal(buffers.size, 1);
  assert.deepEqual(await Promise.all([valuesOf('w0'), valuesOf('w1')]), wanted);
  assert.equal(buffers.size, 2);
});
