import { at, required } from '../../ir/graph.ts';
import { windowCounts, type Window } from '../../ir/ops/spatial.ts';
import { dimAt, type Shape, sizeOf } from '../../ir/types.ts';
import type { Rule } from './rules.ts';

/** The twelve ints of a window; one spatial axis is an image of height 1. */
function windowInts(image: Shape, kernel: Shape, window: Window): number[] {
  const counts = windowCounts(image, kernel, window);
  const both = (sizes: readonly number[], missing: number): number[] => [
    ...(sizes.length === 1 ? [missing] : []),
    ...sizes,
  ];
  const { stride, padding, dilation } = window;
  const before = padding.map(([pad]) => pad);
  return [
    ...both(image, 1),
    ...both(kernel, 1),
    ...both(counts, 1),
    ...both(stride, 1),
    ...both(before, 0),
    ...both(dilation, 1),
  ];
}

/** Convolutions and pooling. */
export const windowRules: Readonly<Record<string, Rule>> = {
  conv: ({ build, inputs, attrs, outputTypes }) => {
    const [x, w, bias] = [required(inputs, 0), required(inputs, 1), inputs[2] ?? null];
    const window = windowInts(x.type.shape.slice(2), w.type.shape.slice(2), attrs as unknown as Window);
    const [batch = 0, channels = 0] = x.type.shape;
    const ints = [batch, channels, dimAt(w.type.shape, 0), Number(attrs['groups']), ...window];
    return build.kernel('conv', { inputs: [x, w, bias], outputs: outputTypes, ints });
  },
  convTranspose: ({ build, inputs, attrs, outputTypes }) => {
    const [x, w, bias] = [required(inputs, 0), required(inputs, 1), inputs[2] ?? null];
    const window = windowInts(attrs['size'] as Shape, w.type.shape.slice(2), attrs as unknown as Window);
    const [batch = 0, channels = 0] = x.type.shape;
    const ints = [batch, channels, dimAt(at(outputTypes, 0).shape, 1), Number(attrs['groups']), ...window];
    return build.kernel('convTranspose', { inputs: [x, w, bias], outputs: outputTypes, ints });
  },
  maxPool: ({ build, inputs, attrs, outputTypes }) => {
    const x = required(inputs, 0);
    const window = windowInts(x.type.shape.slice(2), attrs['kernel'] as Shape, attrs as unknown as Window);
    const ints = [sizeOf(x.type.shape.slice(0, 2)), ...window];
    return build.kernel('maxPool', { inputs: [x], outputs: outputTypes, ints, optional: [1] });
  },
};
