import { test } from 'node:test';
import assert from 'node:assert/strict';
import type { OnnxModel } from '../../../src/runtime/onnx/encode.ts';
import { encodeOnnx } from '../../../src/runtime/onnx/encode.ts';

const relu: OnnxModel = {
  name: 'g',
  inputs: [{ name: 'x', dtype: 'f32', shape: [2, 3] }],
  outputs: [{ name: 'y', dtype: 'f32', shape: [2, 3] }],
  nodes: [{ opType: 'Relu', inputs: ['x'], outputs: ['y'] }],
  opsets: { '': 20 },
};

test('a model is the bytes of onnx.proto', () => {
  const join = (...parts: readonly string[]): string => parts.join('');
  const node = join('0a0178', '120179', '220452656c75');
  const type = join('0a0c', '0801', '1208', '0a020802', '0a020803');
  const value = (letter: string): string => join('0a01', letter, '120e', type);
  const graph = join('0a0c', node, '120167', '5a13', value('78'), '6213', value('79'));
  const model = join('080a', '120874756e656c6f6f70', '3a3b', graph, '4204', '0a00', '1014');
  assert.equal(Buffer.from(encodeOnnx(relu)).toString('hex'), model);
});

test('an initializer whose data is not its shape is refused by name', () => {
  const lying = { name: 'w', dtype: 'f32', shape: [3], data: new Float32Array(2) } as const;
  assert.throws(
    () => encodeOnnx({ ...relu, initializers: [lying] }),
    /RangeError.*12 bytes for f32 \[3\] at w but found 8/s,
  );
});

test('a node of a domain without an opset is refused', () => {
  const node = { opType: 'FusedMatMul', domain: 'com.microsoft', inputs: ['x', 'x'], outputs: ['y'] };
  assert.throws(() => encodeOnnx({ ...relu, nodes: [node] }), /'com.microsoft' of FusedMatMul/);
});

test('negative and fractional sizes are refused', () => {
  for (const size of [-1, 1.5]) {
    const outputs = [{ name: 'y', dtype: 'f32', shape: [size] }] as const;
    assert.throws(() => encodeOnnx({ ...relu, outputs }), RangeError);
  }
});
