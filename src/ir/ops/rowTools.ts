import type { OnnxEmitter } from '../onnx.ts';

/** Nodes over rows of `width`, for lowerings without int64: indices are exact f32 numbers below 2^24. */
export interface RowTools {
  /** 0, 1, … */
  readonly places: string;
  max(x: string, keepDims: boolean): string;
  /** The first place in each row where `holds`, the last place where none does. */
  first(holds: string, keepDims: boolean): string;
}

export function rowTools(emit: OnnxEmitter, width: number): RowTools {
  const places = emit.constant(`places:${width}`, 'f32', [width], () =>
    Float32Array.from({ length: width }, (_, i) => i),
  );
  const reduce = (op: string, x: string, keepDims: boolean): string =>
    emit.node(op, [x, emit.ints([-1])], { keepdims: { int: keepDims ? 1 : 0 } });
  return {
    places,
    max: (x, keepDims) => reduce('ReduceMax', x, keepDims),
    first: (holds, keepDims) =>
      reduce('ReduceMin', emit.node('Where', [holds, places, emit.scalar(width - 1)]), keepDims),
  };
}
