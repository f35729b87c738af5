import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../../src/ir/dense.ts';
import { buildGraph, input, parameter } from '../../../src/ir/graph.ts';
import { add, linear } from '../../../src/ir/index.ts';
import { narrowFromF32 } from '../../../src/runtime/storage.ts';
import { f32Source } from '../../../src/runtime/tensor-source.ts';
import { tensor } from '../../../src/runtime/tensor.ts';
import { weightStore } from '../../../src/runtime/weights.ts';
import { bf16Sets, engineOf, found, instructionSets } from './engines.ts';

const [rank, scale] = [5, 0.5];

function toBf16(values: Float32Array): Float32Array {
  const bytes = new Uint8Array(2 * values.length);
  narrowFromF32('bf16', values, bytes);
  return new Float32Array(Uint32Array.from(new Uint16Array(bytes.buffer), (half) => half << 16).buffer);
}

/** A product and the sum of its terms' magnitudes, in f64. */
function dot(a: Float32Array, i: number, b: Float32Array, j: number, n: number): { sum: number; size: number } {
  let [sum, size] = [0, 0];
  for (let k = 0; k < n; k++) {
    const term = (a[i * n + k] ?? 0) * (b[j * n + k] ?? 0);
    sum += term;
    size += Math.abs(term);
  }
  return { sum, size };
}

for (const set of [...instructionSets, ...bf16Sets]) {
  const [one, three] = [engineOf(set, 1), engineOf(set, 3)];
  test(
    `${set}: few rows by a layer with an adapter, a bias and a sum, within rounding and the same bits on three threads`,
    { skip: found.missing },
    async () => {
      const narrow = bf16Sets.includes(set);
      for (const [rows, out, inner] of [
        [1, 1, 1],
        [1, 67, 96],
        [2, 130, 64],
        [3, 33, 31],
        [4, 16, 160],
        [5, 97, 64],
        [8, 49, 95],
        [9, 1, 64],
        [17, 113, 96],
        [40, 50, 33],
      ] as const) {
        const random = (shape: readonly number[], seed: number): Float32Array =>
          Float32Array.from(normal(shape, seed).data);
        const values = {
          x: random([rows, inner], 1),
          bias: random([out], 2),
          a: random([rank, inner], 3),
          b: random([out, rank], 4),
          d: random([rows, out], 5),
        };
        const w = random([out, inner], 6);
        const leaf = (name: keyof typeof values, shape: readonly number[]) => input(name, 'f32', shape);
        const factors = { a: leaf('a', [rank, inner]), b: leaf('b', [out, rank]), scale };
        const product = linear(leaf('x', [rows, inner]), parameter('w', [out, inner]), leaf('bias', [out]), factors);
        const graph = buildGraph({ y: add(product, leaf('d', [rows, out])) });
        const outputs = [];
        for (const open of [one, three]) {
          const program = await open().load(graph);
          const store = weightStore();
          program.bind('w', store.add(f32Source('w', [out, inner], w)));
          const feeds = graph.leaves.flatMap(({ name, kind, type }) =>
            kind === 'input' ? [[name, tensor('f32', type.shape, values[name as keyof typeof values])] as const] : [],
          );
          outputs.push((await program.run(Object.fromEntries(feeds)))['y']?.data ?? []);
          program.release();
        }
        const place = `${rows} x ${out} x ${inner}`;
        assert.deepEqual(outputs[1], outputs[0], place);
        const [left, right] = narrow ? [toBf16(values.x), toBf16(w)] : [values.x, w];
        for (let i = 0; i < rows; i++) {
          const low = Array.from({ length: rank }, (_, r) => dot(values.x, i, values.a, r, inner));
          for (let j = 0; j < out; j++) {
            const main = dot(left, i, right, j, inner);
            let [wanted, size] = [main.sum + (values.bias[j] ?? 0) + (values.d[i * out + j] ?? 0), main.size];
            for (const [r, u] of low.entries()) {
              const factor = scale * (values.b[j * rank + r] ?? 0);
              wanted += factor * u.sum;
              size += Math.abs(factor) * u.size;
            }
            // Sums of f32; more rows may round the low-rank term's operands to bf16 as well: x, A, x Aᵀ and B, each by 2^-9 of it.
            const bound = 2 ** -24 * (inner + rank + 4) * (size + 8) + (narrow ? 2 ** -7 * (size - main.size) : 0);
            const error = Math.abs((outputs[0]?.[i * out + j] ?? Number.NaN) - wanted);
            assert.ok(error <= bound, `${place} at ${i}, ${j}: ${error} beyond ${bound}`);
          }
        }
      }
    },
  );
}
