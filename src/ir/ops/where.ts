import { bool, el, emptyDense, f32, forEachBroadcast, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { broadcastShapes, tensorType } from '../types.ts';
import { type NoAttrs, type Operand, operand } from './elementwise.ts';
import { scalar } from './constant.ts';
import { sumTo } from './sumTo.ts';

export const whereOp = defineOp<NoAttrs>({
  name: 'where',
  formula: 'y = a where the condition holds, else b; the branch not taken may be infinite or NaN',
  infer: (inputs) => {
    const [condition, a, b] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    if (condition.dtype !== 'bool' || a.dtype !== b.dtype) {
      throw new TypeError(`Expected bool and two of one dtype but found ${condition.dtype}, ${a.dtype}, ${b.dtype}`);
    }
    return [tensorType(a.dtype, broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape)))];
  },
  vjp: ({ cotangents, inputs, needs }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const [condition, a, b] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    return [
      undefined,
      needs[1] ? sumTo(where(condition, dy, scalar(0)), a.type.shape) : undefined,
      needs[2] ? sumTo(where(condition, scalar(0), dy), b.type.shape) : undefined,
    ];
  },
  reference: (inputs) => {
    const [condition, a, b] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    const picked = broadcastShapes(a.shape, b.shape);
    const y = emptyDense(a.dtype, broadcastShapes(condition.shape, picked));
    forEachBroadcast(a.shape, y.shape, (to, from) => {
      y.data[to] = el(a.data, from);
    });
    const other = new Float64Array(y.data.length);
    forEachBroadcast(b.shape, y.shape, (to, from) => {
      other[to] = el(b.data, from);
    });
    forEachBroadcast(condition.shape, y.shape, (to, from) => {
      if (el(condition.data, from) === 0) y.data[to] = el(other, to);
    });
    return [y];
  },
  onnx: (emit, inputs, { outputTypes }) => {
    if (required(outputTypes, 0).dtype !== 'bool') return [emit.node('Where', inputs)];
    // ONNX Runtime's Where has no kernel for bools.
    const [condition, a, b] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    const taken = emit.node('And', [condition, a]);
    return [emit.node('Or', [taken, emit.node('And', [emit.node('Not', [condition]), b])])];
  },
  samples: () => [
    { name: 'same shape', attrs: {}, inputs: [bool([2, 3], [1, 0, 1, 0, 0, 1]), normal([2, 3], 1), normal([2, 3], 2)] },
    { name: 'broadcast', attrs: {}, inputs: [bool([3], [1, 0, 1]), normal([2, 1], 3), normal([], 4)] },
    { name: 'i32', attrs: {}, inputs: [bool([2, 1], [1, 0]), i32([2, 2], [1, 2, 3, 4]), i32([2], [-5, -6])] },
    { name: 'bool', attrs: {}, inputs: [bool([4], [1, 1, 0, 0]), bool([4], [1, 0, 1, 0]), bool([1], [1])] },
    {
      name: 'infinite branch not taken',
      attrs: {},
      inputs: [bool([3], [1, 0, 1]), f32([3], [1, Infinity, 2]), f32([3], [-Infinity, 3, Infinity])],
      skipGradient: 'infinite operands',
    },
  ],
});

/** a where the condition holds, else b. */
export function where(condition: Value, a: Operand, b: Operand): Value {
  return apply1(whereOp, [condition, operand(a), operand(b)], {});
}
