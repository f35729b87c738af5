import { at, required } from '../../ir/graph.ts';
import { dimAt, normalizeAxis, type Shape, sizeOf } from '../../ir/types.ts';
import type { Builder } from './builder.ts';
import { dtypeNumber, type Ref } from './ref.ts';
import type { Rule } from './rules.ts';

const kinds = ['reduceSum', 'reduceMax', 'reduceMin'] as const;

/** One pass over the axes [from, to), which lie side by side. */
function reduced(build: Builder, kind: number, x: Ref, from: number, to: number): Ref {
  const { dtype, shape } = x.type;
  const sizes = [sizeOf(shape.slice(0, from)), sizeOf(shape.slice(from, to)), sizeOf(shape.slice(to))];
  const type = { dtype, shape: shape.map((dim, axis) => (axis >= from && axis < to ? 1 : dim)) };
  return at(build.kernel('reduce', { inputs: [x], outputs: [type], ints: [kind, dtypeNumber(dtype), ...sizes] }), 0);
}

const sum = kinds.indexOf('reduceSum');
/** The kernel's number of a sum of squares, which takes what is squared. */
const sumOfSquares = kinds.length;

/** The x of a ref that is x·x in f32, whole. */
function squareRoot(build: Builder, { storage, offset, type }: Ref): Ref | undefined {
  const step = build.steps.findLast(({ outputs }) => outputs[0]?.storage === storage);
  if (step?.kind !== 'elementwise' || step.operation !== 'mul' || type.dtype !== 'f32' || offset !== 0)
    return undefined;
  const [x, other] = step.inputs;
  return x && x === other && !x.uniform && sizeOf(x.type.shape) === sizeOf(type.shape) ? x : undefined;
}

const reduction =
  (kind: number): Rule =>
  ({ build, inputs, attrs, outputTypes }) => {
    let y = required(inputs, 0);
    const { shape } = y.type;
    const axes = new Set((attrs['axes'] as readonly number[]).map((axis) => normalizeAxis(axis, shape.length)));
    // Axes of one cost nothing and join their neighbours.
    const spans = (axis: number): boolean => axes.has(axis) || dimAt(shape, axis) === 1;
    // From the last axis on: the first pass shrinks most where data is contiguous.
    for (let to = shape.length; to > 0; to--) {
      if (!axes.has(to - 1)) continue;
      let from = to - 1;
      while (from > 0 && spans(from - 1)) from--;
      const x = kind === sum && to === shape.length ? squareRoot(build, y) : undefined;
      y = x ? reduced(build, sumOfSquares, build.view(x, y.type.shape), from, to) : reduced(build, kind, y, from, to);
      to = from + 1;
    }
    return [build.view(y, at(outputTypes, 0).shape)];
  };

const lines = (shape: Shape, axis: number): number[] => [
  sizeOf(shape.slice(0, axis)),
  dimAt(shape, axis),
  sizeOf(shape.slice(axis + 1)),
];

/** Ops that fold or walk along axes. */
export const reductionRules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(kinds.map((name, kind) => [name, reduction(kind)])),
  cumsum: ({ build, inputs, attrs, outputTypes }) => {
    const x = required(inputs, 0);
    const { dtype, shape } = x.type;
    const axis = normalizeAxis(Number(attrs['axis']), shape.length);
    const flags = [attrs['reverse'] === true ? 1 : 0, attrs['exclusive'] === true ? 1 : 0];
    const ints = [dtypeNumber(dtype), ...lines(shape, axis), ...flags];
    return build.kernel('cumsum', { inputs: [x], outputs: outputTypes, ints });
  },
  argmax: ({ build, inputs, outputTypes }) => {
    const x = required(inputs, 0);
    if (x.type.dtype === 'bool') return null;
    const width = dimAt(x.type.shape, -1);
    const ints = [sizeOf(at(outputTypes, 0).shape), width, dtypeNumber(x.type.dtype)];
    return build.kernel('argmax', { inputs: [x], outputs: outputTypes, ints });
  },
  topK: ({ build, inputs, attrs, outputTypes }) => {
    const x = required(inputs, 0);
    const width = dimAt(x.type.shape, -1);
    const ints = [sizeOf(x.type.shape.slice(0, -1)), width, Number(attrs['k']), attrs['largest'] === true ? 1 : 0];
    return build.kernel('topK', { inputs: [x], outputs: outputTypes, ints, optional: [0, 1] });
  },
};
