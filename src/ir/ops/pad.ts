import { el, emptyDense, i32, normal } from '../dense.ts';
import { apply1, at, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, type Shape, tensorType } from '../types.ts';
import { slice } from './slice.ts';

type PadAttrs = {
  /** Elements before and after, for each axis. */
  readonly pads: readonly (readonly [number, number])[];
  readonly value: number;
};

const padded = (shape: Shape, pads: PadAttrs['pads']): Shape =>
  shape.map((dim, axis) => dim + at(at(pads, axis), 0) + at(at(pads, axis), 1));

export const padOp = defineOp<PadAttrs>({
  name: 'pad',
  formula: 'y = x with a constant before and after it along each axis',
  infer: (inputs, { pads }) => {
    const x = required(inputs, 0);
    if (x.dtype !== 'f32' && x.dtype !== 'i32') throw new TypeError(`Expected f32 or i32 but found ${x.dtype}`);
    if (pads.length !== x.shape.length || pads.flat().some((pad) => !Number.isInteger(pad) || pad < 0)) {
      throw new RangeError(`Expected ${x.shape.length} pairs of whole numbers >= 0 but found ${JSON.stringify(pads)}`);
    }
    return [tensorType(x.dtype, padded(x.shape, pads))];
  },
  vjp: ({ cotangents, inputs, attrs: { pads } }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const { shape } = required(inputs, 0).type;
    return [pads.reduce((rest, [before], axis) => slice(rest, axis, before, before + dimAt(shape, axis)), dy)];
  },
  reference: (inputs, { pads, value }) => {
    const x = required(inputs, 0);
    const y = emptyDense(x.dtype, padded(x.shape, pads));
    y.data.fill(x.dtype === 'f32' ? Math.fround(value) : value);
    for (let i = 0; i < x.data.length; i++) {
      let rest = i;
      let to = 0;
      let stride = 1;
      for (let axis = x.shape.length - 1; axis >= 0; axis--) {
        const dim = dimAt(x.shape, axis);
        to += ((rest % dim) + at(at(pads, axis), 0)) * stride;
        stride *= dimAt(y.shape, axis);
        rest = Math.floor(rest / dim);
      }
      y.data[to] = el(x.data, i);
    }
    return [y];
  },
  onnx: (emit, inputs, { attrs: { pads, value }, inputTypes }) => {
    const { dtype } = required(inputTypes, 0);
    const ends = emit.ints([...pads.map(([before]) => before), ...pads.map(([, after]) => after)]);
    const fill = emit.constant(`${dtype} scalar:${value}`, dtype, [], () => [value]);
    return [emit.node('Pad', [required(inputs, 0), ends, fill], { mode: { string: 'constant' } })];
  },
  samples: () => [
    {
      name: 'zeros',
      attrs: {
        pads: [
          [1, 2],
          [0, 1],
        ],
        value: 0,
      },
      inputs: [normal([2, 3], 1)],
    },
    {
      name: 'one axis of three',
      attrs: {
        pads: [
          [0, 0],
          [2, 0],
          [0, 0],
        ],
        value: -1.5,
      },
      inputs: [normal([2, 1, 2], 2)],
    },
    {
      name: 'minus infinity',
      attrs: { pads: [[1, 1]], value: -Infinity },
      inputs: [normal([3], 3)],
      skipGradient: 'infinite elements',
    },
    { name: 'i32', attrs: { pads: [[0, 2]], value: -100 }, inputs: [i32([2], [5, 6])] },
  ],
});

/** x with `value` before and after it: one pair [before, after] for each axis. */
export function pad(x: Value, pads: readonly (readonly [number, number])[], value = 0): Value {
  return pads.flat().every((count) => count === 0) && pads.length === x.type.shape.length
    ? x
    : apply1(padOp, [x], { pads: pads.map(([before, after]) => [before, after] as const), value });
}
