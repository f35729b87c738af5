import { at, required } from '../../ir/graph.ts';
import { dimAt, normalizeAxis, type Shape, sizeOf, stridesOf, type TensorType } from '../../ir/types.ts';
import type { Builder } from './builder.ts';
import { dtypeNumber, elementBytes, type Ref } from './ref.ts';
import type { Rule } from './rules.ts';

/** A block of axes with the strides of source and target, in elements. */
interface Block {
  readonly sizes: readonly number[];
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** Axes of 1 dropped, neighbours joined where both sides step through them as through one. */
function collapsed({ sizes, from, to }: Block): Block {
  const kept: [size: number, from: number, to: number][] = [];
  sizes.forEach((size, axis) => {
    if (size === 1) return;
    const [source, target] = [at(from, axis), at(to, axis)];
    const last = kept.at(-1);
    if (last && last[1] === source * size && last[2] === target * size)
      kept[kept.length - 1] = [last[0] * size, source, target];
    else kept.push([size, source, target]);
  });
  return { sizes: kept.map(([size]) => size), from: kept.map(([, s]) => s), to: kept.map(([, , t]) => t) };
}

/** The ints of a copy, from the offsets on. */
const blockInts = (block: Block, fromStart: number, toStart: number): number[] => {
  const { sizes, from, to } = collapsed(block);
  return [fromStart, toStart, sizes.length, ...sizes, ...from, ...to];
};

function copied(build: Builder, x: Ref, type: TensorType, from: readonly number[], start: number): Ref {
  const ints = blockInts({ sizes: type.shape, from, to: stridesOf(type.shape) }, start, 0);
  return at(build.kernel('copy', { inputs: [x], outputs: [type], ints: [elementBytes(type.dtype), ...ints] }), 0);
}

/** x from `start` to the type's size along an axis: a view where the part lies in one piece. */
function part(build: Builder, x: Ref, axis: number, start: number, type: TensorType): Ref {
  const { shape } = x.type;
  const strides = stridesOf(shape);
  const first = start * at(strides, axis);
  // Vectors may start anywhere, but views that start on cache lines keep kernels fast.
  if (sizeOf(shape.slice(0, axis)) === 1) return build.view(x, type.shape, first);
  return copied(build, x, type, strides, first);
}

const axisOf = (attrs: Readonly<Record<string, unknown>>, shape: Shape): number =>
  normalizeAxis(Number(attrs['axis']), shape.length);

/** Ops that move data and compute nothing. */
export const movingRules: Readonly<Record<string, Rule>> = {
  transpose: ({ build, inputs, attrs, outputTypes }) => {
    const x = required(inputs, 0);
    const strides = stridesOf(x.type.shape);
    const from = (attrs['permutation'] as readonly number[]).map((axis) => at(strides, axis));
    return [copied(build, x, at(outputTypes, 0), from, 0)];
  },
  slice: ({ build, inputs, attrs, outputTypes }) => {
    const x = required(inputs, 0);
    return [part(build, x, axisOf(attrs, x.type.shape), Number(attrs['start']), at(outputTypes, 0))];
  },
  split: ({ build, inputs, attrs, outputTypes }) => {
    const x = required(inputs, 0);
    const axis = axisOf(attrs, x.type.shape);
    let start = 0;
    return outputTypes.map((type) => {
      const piece = part(build, x, axis, start, type);
      start += dimAt(type.shape, axis);
      return piece;
    });
  },
  flip: ({ build, inputs, attrs, outputTypes }) => {
    const x = required(inputs, 0);
    const axis = axisOf(attrs, x.type.shape);
    const strides = stridesOf(x.type.shape);
    const start = Math.max(0, dimAt(x.type.shape, axis) - 1) * at(strides, axis);
    return [
      copied(
        build,
        x,
        at(outputTypes, 0),
        strides.map((stride, i) => (i === axis ? -stride : stride)),
        start,
      ),
    ];
  },
  concat: ({ build, inputs, attrs, outputTypes }) => {
    const parts = inputs.map((_, index) => required(inputs, index));
    const type = at(outputTypes, 0);
    const axis = axisOf(attrs, type.shape);
    const bytes = (shape: Shape): number => sizeOf(shape.slice(axis)) * elementBytes(type.dtype);
    const ints = [
      sizeOf(type.shape.slice(0, axis)),
      bytes(type.shape),
      ...parts.map(({ type: { shape } }) => bytes(shape)),
    ];
    return build.kernel('concat', { inputs: parts, outputs: [type], ints });
  },
  pad: ({ build, inputs, attrs, outputTypes }) => {
    const x = required(inputs, 0);
    const type = at(outputTypes, 0);
    const pads = attrs['pads'] as readonly (readonly [number, number])[];
    const to = stridesOf(type.shape);
    const start = pads.reduce((sum, [before], axis) => sum + before * at(to, axis), 0);
    const block = blockInts({ sizes: x.type.shape, from: stridesOf(x.type.shape), to }, 0, start);
    const ints = [elementBytes(type.dtype), dtypeNumber(type.dtype), sizeOf(type.shape), ...block];
    return build.kernel('pad', { inputs: [x], outputs: [type], ints, floats: [Number(attrs['value'])] });
  },
};
