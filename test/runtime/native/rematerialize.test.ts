import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../../src/ir/dense.ts';
import { vjp } from '../../../src/ir/grad.ts';
import { buildGraph, type Graph, input, type Value } from '../../../src/ir/graph.ts';
import { add, linear, mul, rmsNorm, silu } from '../../../src/ir/index.ts';
import { evaluate } from '../../../src/runtime/evaluate.ts';
import { planGraph } from '../../../src/runtime/native/plan.ts';
import { tensor } from '../../../src/runtime/tensor.ts';
import { distance } from '../opCases.ts';
import { engineOf, found } from './engines.ts';

const [rows, width, wide, layers] = [512, 128, 256, 4];
const leaf = (name: string, ...shape: number[]): Value => input(name, 'f32', shape);

/** Gradients of gated layers by all of their weights. */
function gatedLayers(): Graph {
  const x = leaf('x', rows, width);
  const weights: Record<string, Value> = {};
  const weight = (name: string, ...shape: number[]): Value => (weights[name] = leaf(name, ...shape));
  let h = x;
  for (let i = 0; i < layers; i++) {
    const normed = rmsNorm(h, weight(`norm${i}`, width), 1e-5);
    const gate = linear(normed, weight(`gate${i}`, wide, width));
    const up = linear(normed, weight(`up${i}`, wide, width));
    h = add(h, linear(mul(silu(gate), up), weight(`down${i}`, width, wide)));
  }
  const found = vjp([[h, leaf('dy', rows, width)]], Object.values(weights));
  return buildGraph(Object.fromEntries(Object.keys(weights).map((name, i) => [name, found[i] ?? x])));
}

test('what follows from products is computed again for the backward pass instead of being kept', async () => {
  const { arena } = await planGraph(gatedLayers());
  const [narrow, large] = [4 * rows * width, 4 * rows * wide];
  // Two values of the residual stream's width, gate and up a layer, and what one layer works on.
  const most = layers * (narrow + 2 * large) + 9 * large;
  assert.ok(arena.bytes <= most, `planned ${arena.bytes}, expected at most ${most}`);
});

test('gradients from values that were computed again', { skip: found.missing }, async () => {
  const graph = gatedLayers();
  const feeds = Object.fromEntries(
    graph.leaves.map(({ name, type }, i) => [name, normal(type.shape, i, name === 'x' ? 1 : 0.1)]),
  );
  const expected = evaluate(graph, feeds);
  const program = await engineOf()().load(graph);
  const tensors = Object.entries(feeds).map(([name, { dtype, shape, data }]) => [name, tensor(dtype, shape, data)]);
  const outputs = await program.run(Object.fromEntries(tensors) as Parameters<typeof program.run>[0]);
  for (const [name, { data }] of Object.entries(expected)) {
    const error = distance(outputs[name]?.data ?? [], data);
    assert.ok(error < 3e-6, `${name}: ${error}`);
  }
});
