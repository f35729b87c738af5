import { at, required } from '../../ir/graph.ts';
import { dimAt, normalizeAxis, sizeOf } from '../../ir/types.ts';
import { elementBytes } from './ref.ts';
import type { Rule } from './rules.ts';

const gather =
  (axisOf: (rank: number, attrs: Readonly<Record<string, unknown>>) => number): Rule =>
  ({ build, inputs, attrs, outputTypes }) => {
    const [x, ids] = [required(inputs, 0), required(inputs, 1)];
    const { shape, dtype } = x.type;
    const axis = axisOf(shape.length, attrs);
    const count = sizeOf(ids.type.shape);
    const sizes = [sizeOf(shape.slice(0, axis)), dimAt(shape, axis), count, sizeOf(shape.slice(axis + 1))];
    const { codes = x, scales = null, bits = 0 } = x.quantized ?? {};
    const ints = [elementBytes(dtype), ...sizes, bits];
    const narrow = dtype === 'f32' && bits === 0 ? [0] : [];
    return build.kernel('gather', { inputs: [codes, ids, scales], outputs: outputTypes, ints, narrow });
  };

/** Ops that read or add by index, masks, and weights of few bits. */
export const indexRules: Readonly<Record<string, Rule>> = {
  dequantize: ({ build, inputs, attrs, outputTypes }) => {
    const [codes, scales] = [required(inputs, 0), required(inputs, 1)];
    const bits = attrs['type'] === 'int8' ? 8 : 4;
    const ints = [bits, dimAt(scales.type.shape, 0)];
    const made = build.kernel('dequantize', { inputs: [codes, scales], outputs: outputTypes, ints });
    return made.map((ref) => ({ ...ref, quantized: { codes, scales, bits } }));
  },
  embedding: gather(() => 0),
  gather: gather((rank, attrs) => normalizeAxis(Number(attrs['axis']), rank)),
  scatterAddRows: ({ build, inputs, outputTypes }) => {
    const [ids, x] = [required(inputs, 0), required(inputs, 1)];
    const [rows = 0, width = 0] = at(outputTypes, 0).shape;
    const ints = [sizeOf(ids.type.shape), width, rows];
    return build.kernel('scatterAddRows', { inputs: [ids, x], outputs: outputTypes, ints });
  },
  takeAlong: ({ build, inputs, attrs, outputTypes }) => {
    const [x, ids] = [required(inputs, 0), required(inputs, 1)];
    const { shape, dtype } = x.type;
    const axis = normalizeAxis(Number(attrs['axis']), shape.length);
    const sizes = [
      sizeOf(shape.slice(0, axis)),
      dimAt(shape, axis),
      dimAt(ids.type.shape, axis),
      sizeOf(shape.slice(axis + 1)),
    ];
    return build.kernel('takeAlong', { inputs: [x, ids], outputs: outputTypes, ints: [elementBytes(dtype), ...sizes] });
  },
  scatterAddAlong: ({ build, inputs, attrs, outputTypes }) => {
    const [ids, x] = [required(inputs, 0), required(inputs, 1)];
    const { shape } = x.type;
    const axis = normalizeAxis(Number(attrs['axis']), shape.length);
    const ints = [
      sizeOf(shape.slice(0, axis)),
      Number(attrs['size']),
      dimAt(shape, axis),
      sizeOf(shape.slice(axis + 1)),
    ];
    return build.kernel('scatterAddAlong', { inputs: [ids, x], outputs: outputTypes, ints });
  },
  keepMask: ({ build, inputs, attrs, outputTypes }) => {
    const operands = [0, 1, 2].map((index) => required(inputs, index));
    const width = Number(attrs['width']);
    const ints = [sizeOf(at(operands, 1).type.shape), width, Number(attrs['stream'])];
    return build.kernel('keepMask', { inputs: operands, outputs: outputTypes, ints, floats: [Number(attrs['keep'])] });
  },
  keyedUniform: ({ build, inputs, attrs, outputTypes }) => {
    const operands = [0, 1, 2].map((index) => required(inputs, index));
    const ints = [sizeOf(at(outputTypes, 0).shape), Number(attrs['stream'])];
    return build.kernel('keyedUniform', { inputs: operands, outputs: outputTypes, ints });
  },
};
