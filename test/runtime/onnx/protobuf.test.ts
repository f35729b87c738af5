import { test } from 'node:test';
import assert from 'node:assert/strict';
import { protobufWriter } from '../../../src/runtime/onnx/protobuf.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const cases: readonly [name: string, value: number | bigint, expected: string][] = [
  ['zero', 0, '0800'],
  ['one byte', 127, '087f'],
  ['two bytes', 300, '08ac02'],
  ['beyond 32 bits', 2 ** 40, '08808080808020'],
  ['minus one takes ten bytes', -1, '08ffffffffffffffffff01'],
  ['the least int64', -(2n ** 63n), '0880808080808080808001'],
  ['the largest int64', 2n ** 63n - 1n, '08ffffffffffffffff7f'],
];

for (const [name, value, expected] of cases) {
  test(`varint: ${name}`, () => {
    const out = protobufWriter();
    out.int(1, value);
    assert.equal(hex(out.finish()), expected);
  });
}

test('integers beyond int64 and unsafe numbers are refused', () => {
  const out = protobufWriter();
  assert.throws(() => out.int(1, 2n ** 63n), RangeError);
  assert.throws(() => out.int(1, 2 ** 53), RangeError);
  assert.throws(() => out.int(1, 0.5), RangeError);
});

test('floats are fixed32, strings UTF-8, fields above 15 take two tag bytes', () => {
  const out = protobufWriter();
  out.float(2, 1);
  out.string(3, 'é');
  out.int(20, 7);
  assert.equal(hex(out.finish()), '150000803f1a02c3a9a00107');
});

test('a message longer than 127 bytes is moved for its two length bytes, at any depth', () => {
  const out = protobufWriter(16);
  const body = new Uint8Array(200).fill(0xab);
  out.message(1, () => out.message(2, () => out.bytes(3, body)));
  assert.equal(hex(out.finish()), `0ace0112cb011ac801${'ab'.repeat(200)}`);
});
