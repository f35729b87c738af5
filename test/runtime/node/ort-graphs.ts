import type { OnnxElementType } from '../../../src/runtime/onnx/dtypes.ts';
import type { OnnxNode } from '../../../src/runtime/onnx/encode.ts';
import { encodeOnnx } from '../../../src/runtime/onnx/encode.ts';
import type { OrtRuntime, OrtTensor } from '../../../src/runtime/node/ort-api.ts';
import { allocate } from '../../../src/runtime/node/ort-api.ts';

/** x and y of one type and shape; `nodes` lead from x to y. */
export function unary(
  nodes: readonly OnnxNode[],
  shape: readonly number[],
  dtype: OnnxElementType = 'f32',
): Uint8Array {
  return encodeOnnx({ inputs: [{ name: 'x', dtype, shape }], outputs: [{ name: 'y', dtype, shape }], nodes });
}

/** y = x + x. */
export const addSelf: readonly OnnxNode[] = [{ opType: 'Add', inputs: ['x', 'x'], outputs: ['y'] }];

/** An f32 tensor over memory of its own. */
export function vector(runtime: OrtRuntime, values: readonly number[], shape = [values.length]): OrtTensor {
  const data = allocate('f32', values.length);
  data.set(values);
  return runtime.tensor('f32', shape, data);
}

/** A graph that takes long: `count` products with a matrix of size n. */
export function slowModel(n: number, count: number): Uint8Array {
  const nodes = Array.from({ length: count }, (_, i) => ({
    opType: 'MatMul',
    inputs: [i === 0 ? 'x' : `t${i}`, 'x'],
    outputs: [i === count - 1 ? 'y' : `t${i + 1}`],
  }));
  return unary(nodes, [n, n]);
}
