import { dense, f32 } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { type Dense, dimAt, formatShape, formatType, type Shape, sizeOf, tensorType } from '../types.ts';

/** How many bits a quantised weight takes, beside its block's scale. */
export type QuantizedType = 'int8' | 'int4';

type DequantizeAttrs = { readonly type: QuantizedType; readonly shape: Shape };

/** Weights that share a scale. */
export const quantizedBlock = 32;

/** Bytes of codes of one block. */
export const codeBytes: Readonly<Record<QuantizedType, number>> = { int8: 32, int4: 16 };

/** What a code of 0 stands below zero. */
export const codeOffset: Readonly<Record<QuantizedType, number>> = { int8: 128, int4: 8 };

/** The code of element i of a block. */
function codeAt(type: QuantizedType, codes: Float64Array, block: number, i: number): number {
  if (type === 'int8') return codes[block * 32 + i] ?? 0;
  const pair = codes[block * 16 + (i % 16)] ?? 0;
  return i < 16 ? pair % 16 : Math.floor(pair / 16);
}

const pattern = (count: number): Dense =>
  dense(
    'u8',
    [count],
    Array.from({ length: count }, (_, i) => (i * 37 + 11) % 256),
  );

/** Inputs: codes u8 [bytes], scales f32 [blocks]. */
export const dequantizeOp = defineOp<DequantizeAttrs>({
  name: 'dequantize',
  formula:
    'y_i = d_b (q_i - o) in blocks b of 32 along the flattened shape; int8: a byte each, o = 128; int4: elements 0…15 of a block in the low halves of 16 bytes, 16…31 in the high ones, o = 8',
  recompute: 'always',
  infer: (inputs, { type, shape }) => {
    const [codes, scales] = [required(inputs, 0), required(inputs, 1)];
    const blocks = sizeOf(shape) / quantizedBlock;
    if (!Number.isInteger(blocks))
      throw new RangeError(`Expected a multiple of ${quantizedBlock} elements but found ${formatShape(shape)}`);
    const expected = [tensorType('u8', [blocks * codeBytes[type]]), tensorType('f32', [blocks])] as const;
    for (const [found, wanted] of [
      [codes, expected[0]],
      [scales, expected[1]],
    ] as const) {
      if (found.dtype !== wanted.dtype || found.shape.length !== 1 || found.shape[0] !== wanted.shape[0])
        throw new TypeError(`Expected ${formatType(wanted)} for ${type} but found ${formatType(found)}`);
    }
    return [tensorType('f32', shape)];
  },
  vjp: 'nondifferentiable',
  reference: (inputs, { type, shape }) => {
    const [codes, scales] = [required(inputs, 0).data, required(inputs, 1).data];
    const values = Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
      const block = Math.floor(i / quantizedBlock);
      return (scales[block] ?? 0) * (codeAt(type, codes, block, i % quantizedBlock) - codeOffset[type]);
    });
    return [{ dtype: 'f32', shape, data: values }];
  },
  onnx: (emit, inputs, { attrs: { type, shape }, inputTypes }) => {
    const blocks = dimAt(required(inputTypes, 1).shape, 0);
    const [packed, scales] = [required(inputs, 0), required(inputs, 1)];
    const same = (value: number): string =>
      emit.constant(`u8 ${value}:${blocks}`, 'u8', [blocks], () => new Uint8Array(blocks).fill(value));
    const scalar = (value: number): string => emit.constant(`u8 ${value}`, 'u8', [], () => [value]);
    let codes = emit.reshape(packed, [blocks, codeBytes[type]]);
    if (type === 'int4') {
      // Unpacked only once the scales are there, as what is held back: nothing of them joins the bytes.
      const nothing = emit.cast(emit.slice(scales, 'f32', 0, 0, 0), 'u8');
      const joined = emit.node('Concat', [packed, nothing], { axis: { int: 0 } });
      const bytes = emit.reshape(joined, [blocks, codeBytes[type]]);
      const low = emit.node('BitwiseAnd', [bytes, scalar(15)]);
      const high = emit.node('BitShift', [bytes, scalar(4)], { direction: { string: 'RIGHT' } });
      codes = emit.node('Concat', [low, high], { axis: { int: 1 } });
    }
    const wide = emit.node('DequantizeLinear', [codes, scales, same(codeOffset[type])], {
      axis: { int: 0 },
    });
    return [emit.reshape(wide, shape)];
  },
  // Of bytes there is DequantizeLinear alone: they are widened first, and halved as floats.
  onnxPlain: (emit, inputs, { attrs: { shape }, inputTypes }) => {
    const blocks = dimAt(required(inputTypes, 1).shape, 0);
    const zeros = emit.constant(`u8 0:${blocks}`, 'u8', [blocks], () => new Uint8Array(blocks));
    const ones = emit.constant(`f32 1:${blocks}`, 'f32', [blocks], () => new Float32Array(blocks).fill(1));
    const packed = emit.reshape(required(inputs, 0), [blocks, codeBytes.int4]);
    const bytes = emit.node('DequantizeLinear', [packed, ones, zeros], { axis: { int: 0 } });
    const high = emit.node('Floor', [emit.node('Mul', [bytes, emit.scalar(1 / 16)])]);
    const low = emit.node('Sub', [bytes, emit.node('Mul', [high, emit.scalar(16)])]);
    const codes = emit.node('Concat', [low, high], { axis: { int: 1 } });
    const centred = emit.node('Sub', [codes, emit.scalar(codeOffset.int4)]);
    const wide = emit.node('Mul', [centred, emit.reshape(required(inputs, 1), [blocks, 1])]);
    return [emit.reshape(wide, shape)];
  },
  samples: () => [
    {
      name: 'int8',
      attrs: { type: 'int8', shape: [3, 32] },
      inputs: [pattern(96), f32([3], [0.5, 0, -0.125])],
    },
    {
      name: 'int4, rows within a block',
      attrs: { type: 'int4', shape: [8, 8] },
      inputs: [pattern(32), f32([2], [2, 0.1])],
    },
  ],
});

/** f32 weights [shape] of codes u8 and scales f32, in blocks of 32. */
export function dequantize(codes: Value, scales: Value, type: QuantizedType, shape: Shape): Value {
  return apply1(dequantizeOp, [codes, scales], { type, shape: [...shape] });
}
