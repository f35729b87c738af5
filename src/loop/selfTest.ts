import { gradients } from '../ir/grad.ts';
import { inputSpec, trace, type Value } from '../ir/graph.ts';
import { matmul } from '../ir/ops/matmul.ts';
import { mul } from '../ir/ops/mul.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import type { Engine } from '../runtime/engine.ts';
import { tensor } from '../runtime/tensor.ts';

const [rows, inner, columns] = [8, 16, 8] as const;

/** The square sum of a product, and its gradient by the left factor: y = Σ (AB)², dy/dA = 2 (AB) Bᵀ. */
function program() {
  const leaves = { a: inputSpec('f32', [rows, inner]), b: inputSpec('f32', [inner, columns]) };
  return trace(leaves, ({ a, b }: { readonly a: Value; readonly b: Value }) => {
    const product = matmul(a, b);
    const total = sum(mul(product, product));
    const [gradient] = gradients(total, [a]);
    return { gradient: gradient ?? a };
  });
}

/** Runs a small product forward and backward and compares it with plain arithmetic; the largest error relative to the largest value. */
export async function selfTest(engine: Engine): Promise<number> {
  const a = Float32Array.from({ length: rows * inner }, (_, i) => Math.sin(i + 1));
  const b = Float32Array.from({ length: inner * columns }, (_, i) => Math.cos(i + 1));
  const loaded = await engine.load(program());
  try {
    const { gradient } = await loaded.run({
      a: tensor('f32', [rows, inner], a),
      b: tensor('f32', [inner, columns], b),
    });
    let [error, scale] = [0, 0];
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < inner; i++) {
        let expected = 0;
        for (let column = 0; column < columns; column++) {
          let product = 0;
          for (let k = 0; k < inner; k++) product += (a[row * inner + k] ?? 0) * (b[k * columns + column] ?? 0);
          expected += 2 * product * (b[i * columns + column] ?? 0);
        }
        error = Math.max(error, Math.abs(expected - Number(gradient?.data[row * inner + i])));
        scale = Math.max(scale, Math.abs(expected));
      }
    }
    return error / scale;
  } finally {
    loaded.release();
  }
}
