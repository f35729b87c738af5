import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../../src/ir/dense.ts';
import { vjp } from '../../../src/ir/grad.ts';
import { buildGraph, type Graph, input, type Value } from '../../../src/ir/graph.ts';
import { add, exp, linear, mul, rmsNorm, silu } from '../../../src/ir/index.ts';
import { evaluate } from '../../../src/runtime/evaluate.ts';
import { planGraph } from '../../../src/runtime/native/plan.ts';
import { tensor } from '../../../src/runtime/tensor.ts';
import { distance } from '../opCases.ts';
import { engineOf, found, instructionSets } from './engines.ts';

const [rows, width, wide, rank] = [70, 48, 96, 4];
const leaf = (name: string, ...shape: number[]): Value => input(name, 'f32', shape);
const x = leaf('x', rows, width);
const product = linear(x, leaf('w', width, width));

/** What a graph becomes, chains with their operations. */
async function stepsOf(graph: Graph): Promise<string[]> {
  const { steps } = await planGraph(graph);
  return steps.map((step) =>
    step.kind === 'kernel' ? step.kernel : `chain ${step.members.map(({ operation }) => operation).join(' ')}`,
  );
}

/** A gated layer with low-rank factors and its gradients by the factors and its input. */
function gatedLayer(): Graph {
  const factors: Value[] = [];
  const layer = (of: Value, name: string, out: number, inner: number): Value => {
    const [a, b] = [leaf(`${name}.a`, rank, inner), leaf(`${name}.b`, out, rank)];
    factors.push(a, b);
    return linear(of, leaf(name, out, inner), null, { a, b, scale: 2 });
  };
  const normed = rmsNorm(x, leaf('norm', width), 1e-5);
  const [gate, up] = [layer(normed, 'gate', wide, width), layer(normed, 'up', wide, width)];
  const y = add(x, layer(mul(silu(gate), up), 'down', width, wide));
  const gradients = vjp([[y, leaf('dy', rows, width)]], [x, ...factors]);
  return buildGraph({ y, ...Object.fromEntries(gradients.map((gradient, i) => [`gradient${i}`, gradient ?? x])) });
}

test('sums of a product and what is there before are one step, forward and backward', async () => {
  assert.deepEqual(await stepsOf(buildGraph({ y: add(x, product) })), ['linear']);
  assert.deepEqual(await stepsOf(buildGraph({ y: add(product, x) })), ['linear']);
  const sums = (await stepsOf(gatedLayer())).filter((step) => /^chain(?: add)+$/.test(step));
  assert.deepEqual(sums, []);
});

test('a product that is wanted itself, is read twice, or comes before what is added stays as it is', async () => {
  const other = exp(linear(x, leaf('v', width, width)));
  for (const [graph, expected] of [
    [buildGraph({ y: add(x, product), product }), ['linear', 'chain add']],
    [buildGraph({ y: mul(add(x, product), product) }), ['linear', 'chain add mul']],
    [buildGraph({ y: add(product, other) }), ['linear', 'linear', 'chain exp add']],
    [buildGraph({ y: add(product, leaf('row', width)) }), ['linear', 'chain add']],
    [buildGraph({ y: add(product, product) }), ['linear', 'chain add']],
  ] as const)
    assert.deepEqual(await stepsOf(graph), expected);
});

test('what follows from a value that a kernel reads in between is computed in one pass with it', async () => {
  const sigmoids = (await stepsOf(gatedLayer())).filter((step) => step.includes('sigmoid'));
  assert.equal(sigmoids.length, 1);
  const h = exp(x);
  const dy = leaf('dy', rows, width);
  const read = linear(h, leaf('w', width, width));
  assert.deepEqual(await stepsOf(buildGraph({ read, late: mul(h, dy) })), ['chain exp mul', 'linear']);
  assert.deepEqual(await stepsOf(buildGraph({ late: mul(h, read) })), ['chain exp', 'linear', 'chain mul']);
});

for (const set of instructionSets) {
  const open = engineOf(set);
  test(`${set}: such sums are those of the reference`, { skip: found.missing }, async () => {
    for (const graph of [gatedLayer(), buildGraph({ y: add(x, product) })]) {
      const feeds = Object.fromEntries(
        graph.leaves.map(({ name, type }, i) => [name, normal(type.shape, i, name === 'x' ? 1 : 0.1)]),
      );
      const expected = evaluate(graph, feeds);
      const program = await open().load(graph);
      const tensors = Object.entries(feeds).map(([name, { dtype, shape, data }]) => [name, tensor(dtype, shape, data)]);
      const outputs = await program.run(Object.fromEntries(tensors) as Parameters<typeof program.run>[0]);
      program.release();
      for (const [name, { data }] of Object.entries(expected)) {
        const error = distance(outputs[name]?.data ?? [], data);
        assert.ok(error < 3e-6, `${name}: ${error}`);
      }
    }
  });
}
