import { at } from '../graph.ts';
import type { OnnxAttr } from '../onnx.ts';
import { dimAt, formatShape, type Shape, sizeOf, stridesOf } from '../types.ts';

/** How a window moves over the axes behind [N, C]: one entry, or pair, for each of them. */
export type Window = {
  readonly stride: readonly number[];
  /** Before and after. */
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
};

/** A window as functions take it: a number stands for every axis; 1, 0 and 1 by default. */
export interface WindowOptions {
  readonly stride?: number | readonly number[];
  readonly padding?: number | readonly (number | readonly [number, number])[];
  readonly dilation?: number | readonly number[];
}

export function windowOf(rank: number, { stride = 1, padding = 0, dilation = 1 }: WindowOptions): Window {
  const spread = <T>(value: number | readonly T[]): readonly (number | T)[] =>
    typeof value === 'number' ? Array.from({ length: rank }, () => value) : value;
  return {
    stride: spread(stride),
    padding: spread(padding).map((pad) => (typeof pad === 'number' ? ([pad, pad] as const) : pad)),
    dilation: spread(dilation),
  };
}

const whole = (values: readonly number[], least: number): boolean =>
  values.every((value) => Number.isInteger(value) && value >= least);

/** Throws unless the window has one entry for each of `rank` axes, 1 or 2 of them. */
export function checkWindow({ stride, padding, dilation }: Window, rank: number): void {
  if (rank !== 1 && rank !== 2) throw new RangeError(`Expected 1 or 2 axes behind [N, C] but found ${rank}`);
  const lengths = [stride.length, padding.length, dilation.length];
  if (lengths.some((length) => length !== rank)) {
    throw new RangeError(`Expected ${rank} strides, paddings and dilations but found ${lengths.join(', ')}`);
  }
  if (!whole(stride, 1) || !whole(dilation, 1) || !whole(padding.flat(), 0)) {
    throw new RangeError('Expected whole strides and dilations >= 1 and paddings >= 0');
  }
}

/** How often a window of `kernel` fits: ⌊(n + padding - dilation (kernel - 1) - 1) / stride⌋ + 1 along each axis. */
export function windowCounts(spatial: Shape, kernel: Shape, { stride, padding, dilation }: Window): number[] {
  return spatial.map((dim, axis) => {
    const [before, after] = at(padding, axis);
    const reach = at(dilation, axis) * (dimAt(kernel, axis) - 1) + 1;
    const count = Math.floor((dim + before + after - reach) / at(stride, axis)) + 1;
    if (count < 1) {
      throw new RangeError(
        `Expected a window that fits but found kernel ${formatShape(kernel)} over ${formatShape(spatial)}`,
      );
    }
    return count;
  });
}

/** Calls `visit` for each place of the window and each of its elements that lies inside, by flat indices. */
export function forEachTap(
  spatial: Shape,
  kernel: Shape,
  window: Window,
  visit: (place: number, element: number, inside: number) => void,
): void {
  const counts = windowCounts(spatial, kernel, window);
  const [placeStrides, elementStrides, strides] = [stridesOf(counts), stridesOf(kernel), stridesOf(spatial)];
  for (let place = 0; place < sizeOf(counts); place++) {
    for (let element = 0; element < sizeOf(kernel); element++) {
      let inside = 0;
      let within = true;
      for (let axis = 0; axis < spatial.length; axis++) {
        const step = Math.floor(place / dimAt(placeStrides, axis)) % dimAt(counts, axis);
        const tap = Math.floor(element / dimAt(elementStrides, axis)) % dimAt(kernel, axis);
        const index =
          step * at(window.stride, axis) + tap * at(window.dilation, axis) - at(at(window.padding, axis), 0);
        within &&= index >= 0 && index < dimAt(spatial, axis);
        inside += index * dimAt(strides, axis);
      }
      if (within) visit(place, element, inside);
    }
  }
}

/** The attributes of ONNX's windowed operators. */
export function onnxWindow({ stride, padding, dilation }: Window, kernel: Shape): Record<string, OnnxAttr> {
  return {
    kernel_shape: { ints: kernel },
    strides: { ints: stride },
    pads: { ints: [...padding.map(([before]) => before), ...padding.map(([, after]) => after)] },
    dilations: { ints: dilation },
  };
}
