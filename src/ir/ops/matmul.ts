import { el, emptyDense, f32, forEachBroadcast, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { broadcastShapes, dimAt, formatShape, type Shape, sizeOf, tensorType } from '../types.ts';
import { sumTo } from './sumTo.ts';
import { requireF32 } from './requireF32.ts';

type MatmulAttrs = {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly alpha: number;
  /** An engine that rounds the operands of layers may round these too: they belong to a layer, as its weight's gradient does. */
  readonly ofLayer?: true;
};

interface Sizes {
  readonly batch: Shape;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

function sizes(a: Shape, b: Shape, { transposeA, transposeB }: MatmulAttrs): Sizes {
  if (a.length < 2 || b.length < 2)
    throw new RangeError(`Expected matrices but found ${formatShape(a)} and ${formatShape(b)}`);
  const [m, k] = transposeA ? [dimAt(a, -1), dimAt(a, -2)] : [dimAt(a, -2), dimAt(a, -1)];
  const [kb, n] = transposeB ? [dimAt(b, -1), dimAt(b, -2)] : [dimAt(b, -2), dimAt(b, -1)];
  if (k !== kb) {
    throw new RangeError(
      `Expected inner sizes that agree but found ${k} and ${kb} in ${formatShape(a)} and ${formatShape(b)}`,
    );
  }
  return { batch: broadcastShapes(a.slice(0, -2), b.slice(0, -2)), m, n, k };
}

export const matmulOp = defineOp<MatmulAttrs>({
  name: 'matmul',
  formula: 'Y = α op(A) op(B) over the last two axes; op transposes where asked; leading axes broadcast',
  infer: (inputs, attrs) => {
    requireF32(inputs);
    const { batch, m, n } = sizes(required(inputs, 0).shape, required(inputs, 1).shape, attrs);
    return [tensorType('f32', [...batch, m, n])];
  },
  vjp: ({ cotangents, inputs, needs, attrs: { transposeA, transposeB, alpha } }) => {
    const dy = cotangents[0];
    if (!dy) return [];
    const a = required(inputs, 0);
    const b = required(inputs, 1);
    const da = () =>
      transposeA
        ? matmul(b, dy, { transposeA: transposeB, transposeB: true, alpha })
        : matmul(dy, b, { transposeB: !transposeB, alpha });
    const db = () =>
      transposeB
        ? matmul(dy, a, { transposeA: true, transposeB: transposeA, alpha })
        : matmul(a, dy, { transposeA: !transposeA, alpha });
    return [needs[0] ? sumTo(da(), a.type.shape) : undefined, needs[1] ? sumTo(db(), b.type.shape) : undefined];
  },
  reference: (inputs, attrs) => {
    const a = required(inputs, 0);
    const b = required(inputs, 1);
    const { batch, m, n, k } = sizes(a.shape, b.shape, attrs);
    const y = emptyDense('f32', [...batch, m, n]);
    const [rowA, colA] = attrs.transposeA ? [1, m] : [k, 1];
    const [rowB, colB] = attrs.transposeB ? [1, k] : [n, 1];
    const sizeB = sizeOf(b.shape.slice(0, -2));
    forEachBroadcast(a.shape.slice(0, -2), sizeB === 0 ? [] : b.shape.slice(0, -2), (to, batchA, batchB) => {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let total = 0;
          for (let l = 0; l < k; l++) {
            total +=
              el(a.data, batchA * m * k + i * rowA + l * colA) * el(b.data, batchB * k * n + l * rowB + j * colB);
          }
          y.data[to * m * n + i * n + j] = attrs.alpha * total;
        }
      }
    });
    return [y];
  },
  onnx: (emit, inputs, { attrs: { transposeA, transposeB, alpha }, inputTypes }) => {
    const ranks = [required(inputTypes, 0).shape.length, required(inputTypes, 1).shape.length] as const;
    if (ranks.some((rank) => rank !== 2))
      return [emit.product(required(inputs, 0), required(inputs, 1), { ranks, transposeA, transposeB, alpha })];
    const transposes = {
      transA: { int: transposeA ? 1 : 0 },
      transB: { int: transposeB ? 1 : 0 },
      alpha: { float: alpha },
    };
    return [emit.node('Gemm', inputs, transposes)];
  },
  samples: () => [
    {
      name: 'NN',
      attrs: { transposeA: false, transposeB: false, alpha: 1 },
      inputs: [normal([3, 4], 1), normal([4, 5], 2)],
    },
    {
      name: 'NT',
      attrs: { transposeA: false, transposeB: true, alpha: 0.5 },
      inputs: [normal([3, 4], 3), normal([5, 4], 4)],
    },
    {
      name: 'TN',
      attrs: { transposeA: true, transposeB: false, alpha: 2 },
      inputs: [normal([4, 3], 5), normal([4, 5], 6)],
    },
    {
      name: 'TT',
      attrs: { transposeA: true, transposeB: true, alpha: 1 },
      inputs: [normal([4, 3], 7), normal([5, 4], 8)],
    },
    {
      name: 'batched',
      attrs: { transposeA: false, transposeB: true, alpha: 1 },
      inputs: [normal([2, 3, 4], 9), normal([2, 5, 4], 10)],
    },
    {
      name: 'batch broadcast',
      attrs: { transposeA: false, transposeB: false, alpha: 1 },
      inputs: [normal([2, 3, 2, 4], 11), normal([3, 4, 2], 12)],
    },
    {
      name: 'batched, both transposed, scaled',
      attrs: { transposeA: true, transposeB: true, alpha: -0.25 },
      inputs: [normal([2, 4, 3], 13), normal([2, 5, 4], 14)],
    },
    {
      name: 'one matrix for all of the batch, left',
      attrs: { transposeA: true, transposeB: false, alpha: 1 },
      inputs: [normal([4, 3], 15), normal([2, 2, 4, 5], 16)],
    },
    {
      name: 'axes of one broadcast both ways',
      attrs: { transposeA: false, transposeB: true, alpha: 1 },
      inputs: [normal([3, 1, 1, 4], 17), normal([1, 2, 5, 4], 18)],
    },
    {
      name: 'one row, long',
      attrs: { transposeA: false, transposeB: true, alpha: 1 },
      inputs: [normal([1, 70], 19), normal([3, 70], 20)],
    },
    {
      name: 'large magnitudes',
      attrs: { transposeA: false, transposeB: false, alpha: 1 },
      inputs: [f32([1, 2], [1e18, -1e18]), f32([2, 2], [1e18, 3, 2e18, 5])],
      skipGradient: 'magnitudes beyond central differences',
    },
  ],
});

/** α op(A) op(B) over the last two axes. */
export function matmul(a: Value, b: Value, options: Partial<MatmulAttrs> = {}): Value {
  return apply1(matmulOp, [a, b], { transposeA: false, transposeB: false, alpha: 1, ...options });
}
