import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../../src/ir/dense.ts';
import { buildGraph, type Graph, input } from '../../../src/ir/graph.ts';
import { mul, sum } from '../../../src/ir/index.ts';
import { evaluate } from '../../../src/runtime/evaluate.ts';
import { planGraph } from '../../../src/runtime/native/plan.ts';
import { tensor } from '../../../src/runtime/tensor.ts';
import { distance } from '../opCases.ts';
import { engineOf, found, instructionSets } from './engines.ts';

const square = (shape: readonly number[], axes?: readonly number[]): Graph => {
  const x = input('x', 'f32', shape);
  return buildGraph({ y: sum(mul(x, x), axes) });
};

const kernelsOf = async (graph: Graph): Promise<string[]> =>
  (await planGraph(graph)).steps.map((step) => (step.kind === 'kernel' ? step.kernel : 'chain'));

test('squares that are only summed are never written', async () => {
  assert.deepEqual(await kernelsOf(square([100_000])), ['reduce']);
  assert.deepEqual(await kernelsOf(square([3, 5, 7], [1, 2])), ['reduce']);
  const [x, y] = [input('x', 'f32', [9]), input('y', 'f32', [9])];
  const n = input('n', 'i32', [9]);
  for (const graph of [square([3, 5], [0]), buildGraph({ s: sum(mul(x, y)) }), buildGraph({ s: sum(mul(n, n)) })])
    assert.deepEqual(await kernelsOf(graph), ['chain', 'reduce']);
});

for (const set of instructionSets) {
  const open = engineOf(set);
  test(`${set}: sums of squares are those of the reference`, { skip: found.missing }, async () => {
    for (const graph of [square([1]), square([40_003]), square([3, 5, 7], [1, 2]), square([2, 1, 33], [2])]) {
      const { shape } = graph.leaves[0]?.type ?? { shape: [] };
      const x = normal(shape, 1);
      const program = await open().load(graph);
      const { y } = await program.run({ x: tensor('f32', shape, Float32Array.from(x.data)) });
      program.release();
      assert.ok(distance(y?.data ?? [], evaluate(graph, { x })['y']?.data ?? []) < 1e-6);
    }
  });
}
