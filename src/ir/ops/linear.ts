import { normal } from '../dense.ts';
import { apply, at, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { dimAt, formatShape, sizeOf, type TensorType, tensorType } from '../types.ts';
import { add } from './add.ts';
import { matmul } from './matmul.ts';
import { reshape } from './reshape.ts';
import { sumTo } from './sumTo.ts';

type LinearAttrs = {
  /** False: W is [out, in], as checkpoints have it. True: W is applied the other way round, as a gradient needs it. */
  readonly transposed: boolean;
  /** Factor of the low-rank term. */
  readonly scale: number;
};

interface Operands<T> {
  readonly x: T;
  readonly w: T;
  readonly bias: T | null;
  readonly a: T | null;
  readonly b: T | null;
}

function operands<T>(inputs: readonly (T | null)[]): Operands<T> {
  return {
    x: required(inputs, 0),
    w: required(inputs, 1),
    bias: inputs[2] ?? null,
    a: inputs[3] ?? null,
    b: inputs[4] ?? null,
  };
}

function infer(inputs: readonly (TensorType | null)[], { transposed }: LinearAttrs): readonly TensorType[] {
  const { x, w, bias, a, b } = operands(inputs);
  if (w.shape.length !== 2) throw new RangeError(`Expected weight [out, in] but found ${formatShape(w.shape)}`);
  const [out, inner] = transposed ? [dimAt(w.shape, 1), dimAt(w.shape, 0)] : [dimAt(w.shape, 0), dimAt(w.shape, 1)];
  if (dimAt(x.shape, -1) !== inner) {
    throw new RangeError(
      `Expected inputs of width ${inner} for weight ${formatShape(w.shape)} but found ${formatShape(x.shape)}`,
    );
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw new RangeError(`Expected bias [${out}] but found ${formatShape(bias.shape)}`);
  }
  if ((a === null) !== (b === null)) throw new TypeError('Expected both low-rank factors or none but found one');
  const types = [tensorType('f32', [...x.shape.slice(0, -1), out])];
  if (a && b) {
    const rank = dimAt(a.shape, 0);
    const [expectedA, expectedB] = transposed
      ? [
          [rank, out],
          [inner, rank],
        ]
      : [
          [rank, inner],
          [out, rank],
        ];
    if (formatShape(a.shape) !== formatShape(expectedA) || formatShape(b.shape) !== formatShape(expectedB)) {
      throw new RangeError(
        `Expected factors A ${formatShape(expectedA)} and B ${formatShape(expectedB)} but found ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
      );
    }
    types.push(tensorType('f32', [...x.shape.slice(0, -1), rank]));
  }
  return types;
}

const flatten = (x: Value): Value => reshape(x, [sizeOf(x.type.shape.slice(0, -1)), dimAt(x.type.shape, -1)]);

export const linearOp: Op<LinearAttrs> = defineOp<LinearAttrs>({
  name: 'linear',
  formula:
    'y = x Wᵀ + bias + s u Bᵀ with u = x Aᵀ; transposed: y = x W + s u A with u = x B. Outputs y and, with factors, u',
  infer,
  vjp: ({ inputs, outputs, cotangents, needs, attrs: { transposed, scale } }) => {
    const { x, w, bias, a, b } = operands(inputs);
    const [dy, du] = cotangents;
    if (du)
      throw new TypeError('The gradient of the low-rank activation u itself is not taken: differentiate through y');
    if (!dy) return [];
    // dx = dy W + s v A with v = dy B: the same op the other way round, and v is what dA needs.
    const back =
      needs[0] || needs[3] || needs[4] ? apply(linearOp, [dy, w, null, a, b], { transposed: !transposed, scale }) : [];
    const rows = flatten(x);
    const dyRows = flatten(dy);
    const product = (p: Value, q: Value, alpha: number) => matmul(p, q, { transposeA: true, alpha });
    const dw = needs[1] ? (transposed ? product(rows, dyRows, 1) : product(dyRows, rows, 1)) : undefined;
    const gradients = [needs[0] ? back[0] : undefined, dw, bias && needs[2] ? sumTo(dy, bias.type.shape) : undefined];
    if (!a || !b || !back[1]) return gradients;
    const u = flatten(at(outputs, 1));
    const v = flatten(back[1]);
    const da = needs[3] ? (transposed ? product(u, dyRows, scale) : product(v, rows, scale)) : undefined;
    const db = needs[4] ? (transposed ? product(rows, v, scale) : product(dyRows, u, scale)) : undefined;
    return [...gradients, da, db];
  },
  decompose: (inputs, { transposed, scale }) => {
    const { x, w, bias, a, b } = operands(inputs);
    const rows = flatten(x);
    const unflatten = (y: Value): Value => reshape(y, [...x.type.shape.slice(0, -1), dimAt(y.type.shape, 1)]);
    let y = matmul(rows, w, { transposeB: !transposed });
    if (bias) y = add(y, bias);
    if (!a || !b) return [unflatten(y)];
    const u = transposed ? matmul(rows, b) : matmul(rows, a, { transposeB: true });
    y = add(y, transposed ? matmul(u, a, { alpha: scale }) : matmul(u, b, { transposeB: true, alpha: scale }));
    return [unflatten(y), unflatten(u)];
  },
  onnx: (emit, inputs, { attrs: { transposed, scale }, inputTypes, outputTypes }) => {
    const { x, w, bias, a, b } = operands(inputs);
    const width = dimAt(required(inputTypes, 0).shape, -1);
    const shapeOut = required(outputTypes, 0).shape;
    const count = sizeOf(shapeOut.slice(0, -1));
    const gemm = (p: string, q: string, c: string | null, transB: boolean, alpha: number) =>
      emit.node('Gemm', c === null ? [p, q] : [p, q, c], { transB: { int: transB ? 1 : 0 }, alpha: { float: alpha } });
    const rows = emit.reshape(x, [count, width]);
    const y = gemm(rows, w, bias, !transposed, 1);
    if (a === null || b === null) return [emit.reshape(y, shapeOut)];
    const u = transposed ? gemm(rows, b, null, false, 1) : gemm(rows, a, null, true, 1);
    const adapted = transposed ? gemm(u, a, y, false, scale) : gemm(u, b, y, true, scale);
    return [emit.reshape(adapted, shapeOut), emit.reshape(u, required(outputTypes, 1).shape)];
  },
  samples: () => [
    { name: 'plain', attrs: { transposed: false, scale: 1 }, inputs: [normal([2, 3, 4], 1), normal([5, 4], 2)] },
    {
      name: 'bias',
      attrs: { transposed: false, scale: 1 },
      inputs: [normal([3, 4], 3), normal([5, 4], 4), normal([5], 5)],
    },
    {
      name: 'low rank and bias',
      attrs: { transposed: false, scale: 2 },
      inputs: [normal([2, 3, 4], 6), normal([5, 4], 7), normal([5], 8), normal([2, 4], 9), normal([5, 2], 10)],
    },
    {
      name: 'low rank, transposed',
      attrs: { transposed: true, scale: 0.5 },
      inputs: [normal([2, 3, 5], 11), normal([5, 4], 12), null, normal([2, 4], 13), normal([5, 2], 14)],
    },
    { name: 'one row', attrs: { transposed: false, scale: 1 }, inputs: [normal([1, 4], 15), normal([6, 4], 16)] },
  ],
});

export interface LowRank {
  /** [r, in] */
  readonly a: Value;
  /** [out, r] */
  readonly b: Value;
  readonly scale: number;
}

/** y = x Wᵀ + bias + s (x Aᵀ) Bᵀ for x […, in], W [out, in]. */
export function linear(x: Value, weight: Value, bias: Value | null = null, lowRank?: LowRank): Value {
  const inputs = [x, weight, bias, lowRank?.a ?? null, lowRank?.b ?? null];
  return at(apply(linearOp, inputs, { transposed: false, scale: lowRank?.scale ?? 1 }), 0);
}
