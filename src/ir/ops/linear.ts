import { normal } from '../dense.ts';
import { apply, at, required, type Value } from '../graph.ts';
import type { OnnxEmitter } from '../onnx.ts';
import { defineOp, type Op } from '../op.ts';
import { recomputed } from '../recomputed.ts';
import { dimAt, formatShape, sizeOf, type TensorType, tensorType } from '../types.ts';
import { add } from './add.ts';
import { matmul } from './matmul.ts';
import { reshape } from './reshape.ts';
import { sumTo } from './sumTo.ts';
import { requireF32 } from './requireF32.ts';

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
  requireF32(inputs);
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
    // Factors of each row of the batch have its axis in front.
    const each = a.shape.length === 3 ? [dimAt(x.shape, 0)] : [];
    const rank = dimAt(a.shape, -2);
    const expectedA = [...each, rank, transposed ? out : inner];
    const expectedB = [...each, transposed ? inner : out, rank];
    if (formatShape(a.shape) !== formatShape(expectedA) || formatShape(b.shape) !== formatShape(expectedB)) {
      throw new RangeError(
        `Expected factors A ${formatShape(expectedA)} and B ${formatShape(expectedB)} but found ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
      );
    }
    if (each.length > 0 && x.shape.length < 2) {
      throw new RangeError(`Expected x [B, …, ${inner}] beside factors of each row but found ${formatShape(x.shape)}`);
    }
    types.push(tensorType('f32', [...x.shape.slice(0, -1), rank]));
  }
  return types;
}

const flatten = (x: Value): Value => reshape(x, [sizeOf(x.type.shape.slice(0, -1)), dimAt(x.type.shape, -1)]);

/** Rows of one matrix, or [B, T, width] where each sequence has factors of its own. */
const rowsFor = (x: Value, factor: Value): Value => {
  const { shape } = x.type;
  return factor.type.shape.length === 2
    ? flatten(x)
    : reshape(x, [dimAt(shape, 0), sizeOf(shape.slice(1, -1)), dimAt(shape, -1)]);
};

/**
 * Whether yᵀ = W xᵀ is faster: ONNX Runtime packs the second operand of a product for every run, and with few rows packing
 * W takes longer than the arithmetic. One row has a kernel of its own.
 */
const swapsOperands = (rows: number, transposed: boolean): boolean => !transposed && rows >= 4 && rows <= 128;

/** A product of its own kind, because ONNX Runtime turns a transposed Gemm back. */
function swapped(emit: OnnxEmitter, rows: string, w: string, bias: string | null): string {
  const product = emit.product(w, rows, { ranks: [2, 2], transposeB: true });
  const y = emit.node('Transpose', [product], { perm: { ints: [1, 0] } });
  return bias === null ? y : emit.node('Add', [y, bias]);
}

export const linearOp: Op<LinearAttrs> = defineOp<LinearAttrs>({
  name: 'linear',
  formula:
    'y = x Wᵀ + bias + s u Bᵀ with u = x Aᵀ; transposed: y = x W + s u A with u = x B; factors may be each batch row’s own. Outputs y and, with factors, u',
  infer,
  vjp: ({ inputs, outputs, cotangents, needs, attrs: { transposed, scale } }) => {
    const { x, w, bias, a, b } = operands(inputs);
    const [dy, du] = cotangents;
    if (du)
      throw new TypeError('The gradient of the low-rank activation u itself is not taken: differentiate through y');
    if (!dy) return [];
    // dx = dy W + s v A with v = dy B: the same op the other way round, and v is what dA needs.
    const back =
      needs[0] || needs[3] || needs[4]
        ? apply(linearOp, [dy, recomputed(w, dy), null, a, b], { transposed: !transposed, scale })
        : [];
    const rows = flatten(x);
    const dyRows = flatten(dy);
    const product = (p: Value, q: Value, alpha: number) => matmul(p, q, { transposeA: true, alpha });
    const [outer, other] = transposed ? [rows, dyRows] : [dyRows, rows];
    const dw = needs[1] ? matmul(outer, other, { transposeA: true, ofLayer: true }) : undefined;
    const gradients = [needs[0] ? back[0] : undefined, dw, bias && needs[2] ? sumTo(dy, bias.type.shape) : undefined];
    if (!a || !b || !back[1]) return gradients;
    const [u, v] = [rowsFor(at(outputs, 1), a), rowsFor(back[1], a)];
    const [xs, dys] = [rowsFor(x, a), rowsFor(dy, a)];
    const da = needs[3] ? (transposed ? product(u, dys, scale) : product(v, xs, scale)) : undefined;
    const db = needs[4] ? (transposed ? product(xs, v, scale) : product(dys, u, scale)) : undefined;
    return [...gradients, da, db];
  },
  decompose: (inputs, { transposed, scale }) => {
    const { x, w, bias, a, b } = operands(inputs);
    const rows = flatten(x);
    const unflatten = (y: Value): Value => reshape(y, [...x.type.shape.slice(0, -1), dimAt(y.type.shape, -1)]);
    let y = matmul(rows, w, { transposeB: !transposed });
    if (bias) y = add(y, bias);
    if (!a || !b) return [unflatten(y)];
    const xs = rowsFor(x, a);
    const u = transposed ? matmul(xs, b) : matmul(xs, a, { transposeB: true });
    y = add(
      rowsFor(unflatten(y), a),
      transposed ? matmul(u, a, { alpha: scale }) : matmul(u, b, { transposeB: true, alpha: scale }),
    );
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
    const y = swapsOperands(count, transposed) ? swapped(emit, rows, w, bias) : gemm(rows, w, bias, !transposed, 1);
    if (a === null || b === null) return [emit.reshape(y, shapeOut)];
    if (required(inputTypes, 3).shape.length === 3) {
      const product = (p: string, q: string, transB: boolean, alpha: number) =>
        emit.product(p, q, { ranks: [3, 3], transposeB: transB, alpha });
      const batch = dimAt(shapeOut, 0);
      const xs = emit.reshape(x, [batch, count / batch, width]);
      const u = transposed ? product(xs, b, false, 1) : product(xs, a, true, 1);
      const term = transposed ? product(u, a, false, scale) : product(u, b, true, scale);
      const base = emit.reshape(y, [batch, count / batch, dimAt(shapeOut, -1)]);
      const adapted = emit.reshape(emit.node('Add', [base, term]), shapeOut);
      return [adapted, emit.reshape(u, required(outputTypes, 1).shape)];
    }
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
    {
      name: 'low rank of each batch row',
      attrs: { transposed: false, scale: 2 },
      inputs: [
        normal([2, 3, 4], 17),
        normal([5, 4], 18),
        normal([5], 19),
        normal([2, 2, 4], 20),
        normal([2, 5, 2], 21),
      ],
    },
    {
      name: 'low rank of each batch row, transposed',
      attrs: { transposed: true, scale: 0.5 },
      inputs: [normal([3, 5], 22), normal([5, 4], 23), null, normal([3, 1, 4], 24), normal([3, 5, 1], 25)],
    },
    {
      name: 'many rows',
      attrs: { transposed: false, scale: 1 },
      inputs: [normal([130, 3], 17), normal([4, 3], 18), normal([4], 19)],
    },
    { name: 'one row', attrs: { transposed: false, scale: 1 }, inputs: [normal([1, 4], 15), normal([6, 4], 16)] },
  ],
});

export interface LowRank {
  /** [r, in], or [B, r, in] where each row of the batch has its own. */
  readonly a: Value;
  /** [out, r], or [B, out, r]. */
  readonly b: Value;
  readonly scale: number;
}

/** y = x Wᵀ + bias + s (x Aᵀ) Bᵀ for x […, in], W [out, in]. */
export function linear(x: Value, weight: Value, bias: Value | null = null, lowRank?: LowRank): Value {
  const inputs = [x, recomputed(weight, x), bias, lowRank?.a ?? null, lowRank?.b ?? null];
  return at(apply(linearOp, inputs, { transposed: false, scale: lowRank?.scale ?? 1 }), 0);
}
