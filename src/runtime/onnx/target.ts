import type { OnnxAttr } from '../../ir/onnx.ts';

export type OnnxAttrs = Readonly<Record<string, OnnxAttr>>;

/** Why a provider cannot run an operator with these attributes; undefined where it can. */
export type Refusal = (attrs: OnnxAttrs) => string | undefined;

/** What a provider of ONNX Runtime can do, as far as lowering has to know. */
export interface OnnxTarget {
  readonly name: string;
  /** Operators that it lacks or computes wrongly: an op that needs one is lowered another way, or refused where there is none. */
  readonly refused: Readonly<Record<string, Refusal>>;
  /** Operators that are written with others, because it lacks or computes them wrongly. */
  readonly rewrites: readonly ('Cos' | 'Log' | 'Or' | 'Pow' | 'Round' | 'Sign' | 'Sin' | 'Sum' | 'Tanh')[];
  /** Whether Slice and GatherElements take f32 alone, and Concat and Transpose no bools; else Gather or a cast does their work. */
  readonly movesFloats: 'alone' | 'with all';
  /** Whether a run ends when GatherElements meets an index outside, whichever thread meets it; else Gather looks at them before. */
  readonly stopsAtWrongIndices: boolean;
}

/** Thrown while an op is lowered onto an operator that the target refuses. */
export class RefusedOperator extends TypeError {}

const always =
  (reason: string): Refusal =>
  () =>
    reason;
const missing = always('it has no kernel for it');
const int64 = always('its indices are int64, which cannot be converted there');

export const cpuTarget: OnnxTarget = {
  name: "ONNX Runtime's CPU provider",
  refused: {},
  rewrites: [],
  movesFloats: 'with all',
  stopsAtWrongIndices: true,
};

export const wasmTarget: OnnxTarget = {
  ...cpuTarget,
  name: "ONNX Runtime's WebAssembly provider",
  refused: { GroupQueryAttention: always('it writes caches in place, where outputs are copies here') },
  stopsAtWrongIndices: false,
};

export const webgpuTarget: OnnxTarget = {
  name: "ONNX Runtime's WebGPU provider",
  refused: {
    ArgMax: int64,
    BitwiseAnd: missing,
    Cast: ({ to }) => (to && 'int' in to && to.int === 7 ? 'it has no int64 arithmetic' : undefined),
    FusedMatMul: missing,
    GroupQueryAttention: always('its results are wrong'),
    LogSoftmax: missing,
    MaxPool: int64,
    SimplifiedLayerNormalization: always('its second output is garbage'),
    TopK: int64,
  },
  rewrites: ['Cos', 'Log', 'Or', 'Pow', 'Round', 'Sign', 'Sin', 'Sum', 'Tanh'],
  movesFloats: 'alone',
  stopsAtWrongIndices: true,
};
